package dev.agentvm.testkit.junit;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.Hypervisor;
import dev.agentvm.HypervisorUnavailableException;
import dev.agentvm.VM;
import dev.agentvm.spi.HypervisorProvider;
import dev.agentvm.testkit.FakeHypervisor;
import dev.agentvm.testkit.FakeVM;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ExtensionContext.Store;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolutionException;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.platform.commons.support.AnnotationSupport;
import org.opentest4j.TestAbortedException;

/** Does what {@link AgentVMTest} says. It holds nothing itself: JUnit's stores do, one for each test or class. */
final class AgentVMExtension implements ExecutionCondition, ParameterResolver, AfterEachCallback, AfterAllCallback {
    private static final Namespace NAMESPACE = Namespace.create(AgentVMExtension.class);
    private static final Set<Class<?>> FAKES = Set.of(FakeHypervisor.class, FakeVM.class);
    private static final Set<Class<?>> INJECTED =
            Set.of(Hypervisor.class, VM.class, FakeHypervisor.class, FakeVM.class);

    AgentVMExtension() {}

    /** The implementation that was found, and why this host cannot run it. */
    private record Real(@Nullable HypervisorProvider provider, Optional<String> inability) {
        static Real look() {
            try {
                return HypervisorProvider.find()
                        .map(provider -> new Real(provider, provider.inability()))
                        .orElseGet(() -> unable("no hypervisor is on the class path; add agentvm-libvirt to it"));
            } catch (AgentVMException e) {
                return unable(String.valueOf(e.getMessage()));
            }
        }

        private static Real unable(String reason) {
            return new Real(null, Optional.of(reason));
        }

        Hypervisor connect() {
            if (provider == null || inability.isPresent()) {
                throw new HypervisorUnavailableException(
                        inability.orElse("no provider"), FailureContext.of("connect for a test"));
            }
            return provider.connect();
        }
    }

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
        Backend backend = backend(context);
        if (!backend.isReal()) {
            return ConditionEvaluationResult.enabled("runs on a fake hypervisor");
        }
        if (context.getTestMethod()
                .filter(method -> Arrays.stream(method.getParameterTypes()).anyMatch(FAKES::contains))
                .isPresent()) {
            return ConditionEvaluationResult.disabled("asks for the fake hypervisor, so it runs on that alone");
        }
        Optional<String> inability = real(context).inability();
        if (inability.isPresent() && backend == Backend.REAL_OR_FAIL) {
            throw new ExtensionConfigurationException("No real VM can run here: " + inability.get());
        }
        return inability
                .map(reason -> ConditionEvaluationResult.disabled("no real VM can run here: " + reason))
                .orElseGet(() -> ConditionEvaluationResult.enabled("runs on real VMs"));
    }

    @Override
    public ExtensionContextScope getTestInstantiationExtensionContextScope(ExtensionContext rootContext) {
        return ExtensionContextScope.TEST_METHOD;
    }

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        return INJECTED.contains(parameter.getParameter().getType());
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        Class<?> type = parameter.getParameter().getType();
        Backend backend = backend(context);
        if (FAKES.contains(type) && backend.isReal()) {
            throw new ParameterResolutionException(type.getSimpleName() + " is asked for, but " + AgentVMTest.BACKEND
                    + " says " + backend + "; ask for " + (type == FakeVM.class ? "VM" : "Hypervisor") + " instead");
        }
        Session session = store(context)
                .getOrComputeIfAbsent(
                        "session",
                        key -> backend.isReal()
                                ? Session.real(real(context).connect())
                                : Session.fake(annotation(context).images()),
                        Session.class);
        return type == VM.class || type == FakeVM.class
                ? session.launch(Templates.of(parameter, context))
                : session.hypervisor();
    }

    @Override
    public void afterEach(ExtensionContext context) {
        reportIfFailed(context);
    }

    @Override
    public void afterAll(ExtensionContext context) {
        reportIfFailed(context);
    }

    private static void reportIfFailed(ExtensionContext context) {
        Session session = store(context).get("session", Session.class);
        boolean failed = context.getExecutionException()
                .filter(thrown -> !(thrown instanceof TestAbortedException))
                .isPresent();
        if (session != null && failed) {
            session.report().forEach(context::publishReportEntry);
        }
    }

    private static Backend backend(ExtensionContext context) {
        Backend asked = annotation(context).on();
        return asked == Backend.CONFIGURED
                ? context.getConfigurationParameter(AgentVMTest.BACKEND)
                        .map(Backend::of)
                        .orElse(Backend.FAKE)
                : asked;
    }

    /** A nested class does as the class around it, unless it says otherwise. */
    private static AgentVMTest annotation(ExtensionContext context) {
        Class<?> type = context.getRequiredTestClass();
        while (type != null) {
            Optional<AgentVMTest> found = AnnotationSupport.findAnnotation(type, AgentVMTest.class);
            if (found.isPresent()) {
                return found.get();
            }
            type = type.getEnclosingClass();
        }
        throw new ExtensionConfigurationException(
                context.getRequiredTestClass().getName() + " is not annotated with @AgentVMTest");
    }

    /** Looking takes seconds, so it is done once in a run. */
    private static Real real(ExtensionContext context) {
        return store(context.getRoot()).getOrComputeIfAbsent("real", key -> Real.look(), Real.class);
    }

    private static Store store(ExtensionContext context) {
        return context.getStore(NAMESPACE);
    }
}
