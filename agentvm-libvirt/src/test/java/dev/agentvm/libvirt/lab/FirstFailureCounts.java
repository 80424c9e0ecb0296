package dev.agentvm.libvirt.lab;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestWatcher;

/**
 * What these tests find false once is false, however the runner repeats tests that fail: a leak that shows now and then
 * is a leak. A missed deadline is no such finding, and may be made good by another run.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(FirstFailureCounts.Memory.class)
public @interface FirstFailureCounts {

    /** Remembers what was found false, as long as the JVM lives, in which the runner repeats tests. */
    final class Memory implements BeforeEachCallback, TestWatcher {
        private static final Map<String, AssertionError> FOUND = new ConcurrentHashMap<>();

        @Override
        public void testFailed(ExtensionContext test, Throwable cause) {
            if (cause instanceof AssertionError error) {
                FOUND.putIfAbsent(test.getUniqueId(), error);
            }
        }

        @Override
        public void beforeEach(ExtensionContext test) {
            AssertionError found = FOUND.get(test.getUniqueId());
            if (found != null) {
                throw new AssertionError("not run again, since it failed before", found);
            }
        }
    }
}
