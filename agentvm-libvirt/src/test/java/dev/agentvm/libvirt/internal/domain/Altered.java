package dev.agentvm.libvirt.internal.domain;

import dev.agentvm.libvirt.internal.connection.Domains;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.Map;
import java.util.function.Function;

/** A libvirt that answers, but for some calls, as the real one does. */
final class Altered {
    private Altered() {}

    /** Calls on domains are answered by those of {@code answers} that has the method's name, if there is one then. */
    static Libvirt domains(Libvirt real, Map<String, Function<Object[], Object>> answers) {
        return of(
                Libvirt.class,
                real,
                Map.of(
                        "domains", unused -> of(Domains.class, real.domains(), answers),
                        "withTimeout", arguments -> domains(real.withTimeout((Duration) arguments[0]), answers),
                        "withUndo", arguments -> domains(real.withUndo((Runnable) arguments[0]), answers)));
    }

    private static <T> T of(Class<T> type, T real, Map<String, Function<Object[], Object>> answers) {
        return type.cast(Proxy.newProxyInstance(
                type.getClassLoader(), new Class<?>[] {type}, (proxy, method, arguments) -> {
                    Function<Object[], Object> answer = answers.get(method.getName());
                    if (answer != null) {
                        return answer.apply(arguments == null ? new Object[0] : arguments);
                    }
                    try {
                        return method.invoke(real, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                }));
    }
}
