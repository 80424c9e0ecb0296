package dev.agentvm.testkit.junit;

import dev.agentvm.GuestImage;
import dev.agentvm.Resources;
import dev.agentvm.VMTemplate;
import dev.agentvm.network.NetworkMode;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.platform.commons.support.AnnotationSupport;
import org.junit.platform.commons.support.HierarchyTraversalMode;
import org.junit.platform.commons.support.ReflectionSupport;

/** Finds what describes the VM of a parameter. */
final class Templates {
    private static final VMTemplate PLAIN = new VMTemplate.Builder().name("vm").build();

    private Templates() {}

    static VMTemplate of(ParameterContext parameter, ExtensionContext context) {
        Optional<Launch> launch = parameter.findAnnotation(Launch.class);
        if (launch.isEmpty()) {
            return onlyOne(context).map(method -> call(method, context)).orElse(PLAIN);
        }
        String method = launch.get().template();
        VMTemplate base = method.isEmpty() ? PLAIN : call(named(method, context), context);
        return with(base, launch.get());
    }

    private static VMTemplate with(VMTemplate base, Launch launch) {
        VMTemplate.Builder template = base.toBuilder();
        if (!launch.name().isEmpty()) {
            template.name(launch.name());
        }
        if (!launch.image().isEmpty()) {
            template.image(GuestImage.named(launch.image()));
        }
        if (launch.isolated()) {
            template.networkMode(NetworkMode.ISOLATED);
        }
        Resources.Builder resources = base.resources().toBuilder();
        if (launch.vcpus() != 0) {
            resources.vcpus(launch.vcpus());
        }
        if (launch.memoryMiB() != 0) {
            resources.memoryMiB(launch.memoryMiB());
        }
        if (launch.diskGiB() != 0) {
            resources.diskGiB(launch.diskGiB());
        }
        return template.resources(resources.build()).build();
    }

    /** The only method of the class; where it has none, of the class around it. */
    private static Optional<Method> onlyOne(ExtensionContext context) {
        Class<?> type = context.getRequiredTestClass();
        while (type != null) {
            List<Method> methods = methods(type);
            if (methods.size() > 1) {
                throw new ExtensionConfigurationException(type.getName() + " has several @Template methods ("
                        + methods.stream().map(Method::getName).sorted().collect(Collectors.joining(", "))
                        + "); say which by @Launch(template = \""
                        + methods.get(0).getName() + "\")");
            }
            if (methods.size() == 1) {
                return Optional.of(methods.get(0));
            }
            type = type.getEnclosingClass();
        }
        return Optional.empty();
    }

    private static Method named(String name, ExtensionContext context) {
        Class<?> type = context.getRequiredTestClass();
        while (type != null) {
            for (Method method : methods(type)) {
                if (method.getName().equals(name)) {
                    return method;
                }
            }
            type = type.getEnclosingClass();
        }
        throw new ExtensionConfigurationException(
                context.getRequiredTestClass().getName() + " has no @Template method '" + name + "'");
    }

    private static List<Method> methods(Class<?> type) {
        return AnnotationSupport.findAnnotatedMethods(type, Template.class, HierarchyTraversalMode.BOTTOM_UP);
    }

    private static VMTemplate call(Method method, ExtensionContext context) {
        if (method.getReturnType() != VMTemplate.class || method.getParameterCount() != 0) {
            throw new ExtensionConfigurationException(
                    "The @Template method " + method + " must return a VMTemplate and take nothing");
        }
        @Nullable Object instance = Modifier.isStatic(method.getModifiers())
                ? null
                : context.getTestInstances()
                        .flatMap(instances -> instances.findInstance(method.getDeclaringClass()))
                        .orElseThrow(() -> new ExtensionConfigurationException("The @Template method " + method
                                + " must be static, since there is no instance of its class yet"));
        Object template = ReflectionSupport.invokeMethod(method, instance);
        if (template == null) {
            throw new ExtensionConfigurationException("The @Template method " + method + " returned null");
        }
        return (VMTemplate) template;
    }
}
