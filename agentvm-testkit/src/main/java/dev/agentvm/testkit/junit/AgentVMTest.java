package dev.agentvm.testkit.junit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Gives a JUnit class hypervisors and VMs, and takes them back:
 *
 * <pre>{@code
 * @AgentVMTest
 * class AgentTest {
 *     @Test
 *     void agent_onAFreshVM_findsNoWork(Hypervisor hypervisor, VM vm) { … }
 * }
 * }</pre>
 *
 * <ul>
 *   <li>A parameter of type {@link dev.agentvm.Hypervisor} is the test's hypervisor: one for each test, which its
 *       {@code @BeforeEach} and {@code @AfterEach} share, and the constructor of its instance. If {@code @BeforeAll}
 *       asks for it first, or the constructor of a class whose tests have one instance ({@code PER_CLASS}), all tests
 *       of the class share it. {@link dev.agentvm.testkit.FakeHypervisor} works too, and confines the test to the fake.
 *   <li>Each parameter of type {@link dev.agentvm.VM} (or {@link dev.agentvm.testkit.FakeVM}) is a VM of its own, launched
 *       for it as {@link Launch} or a {@link Template} method says. Its name is the template's with a number after it, so
 *       that tests that run at the same time on one host do not meet.
 *   <li>After the test, its VMs are destroyed, those too that it launched itself, detached or not, and then its
 *       hypervisor is closed. A test that closes its hypervisor leaves its detached VMs where they are.
 *   <li>If the test failed, the report has for each VM the end of its serial console and, of a fake one, each connection
 *       with its verdict; of a real one, the policy that was in force.
 * </ul>
 *
 * <p>The tests run on a fake unless the configuration parameter {@value #BACKEND} (a system property, or a line of
 * {@code junit-platform.properties}) says {@code real} or {@code real-or-fail}. Tests may run in parallel.
 */
@Target({ElementType.TYPE, ElementType.ANNOTATION_TYPE})
@Retention(RetentionPolicy.RUNTIME)
@Documented
@Inherited
@ExtendWith(AgentVMExtension.class)
public @interface AgentVMTest {
    /** The configuration parameter that chooses: {@code fake}, {@code real} or {@code real-or-fail}. */
    String BACKEND = "agentvm.testkit.hypervisor";

    /** What these tests run on. */
    Backend on() default Backend.CONFIGURED;

    /** The names of the images that the fake has, beside {@code default}. */
    String[] images() default {};
}
