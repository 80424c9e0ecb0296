package dev.agentvm.libvirt.internal.network;

import java.lang.reflect.Proxy;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;

/** An interface of which only the named methods answer; any other fails the test. */
public final class Stub<T> {
    private final Class<T> type;
    private final Map<String, Function<Object[], Object>> answers = new HashMap<>();

    private Stub(Class<T> type) {
        this.type = type;
    }

    /** One that answers nothing yet. */
    public static <T> Stub<T> of(Class<T> type) {
        return new Stub<>(type);
    }

    /** It answers so from now on. */
    public Stub<T> on(String method, Function<Object[], Object> answer) {
        answers.put(method, answer);
        return this;
    }

    /** It answers that from now on. */
    public Stub<T> on(String method, Object answer) {
        return on(method, arguments -> answer);
    }

    /** As what it stands for. */
    public T get() {
        return type.cast(Proxy.newProxyInstance(
                type.getClassLoader(), new Class<?>[] {type}, (proxy, method, arguments) -> {
                    Function<Object[], Object> answer = answers.get(method.getName());
                    if (answer == null) {
                        throw new AssertionError("unexpected call of " + method);
                    }
                    return answer.apply(arguments == null ? new Object[0] : arguments);
                }));
    }
}
