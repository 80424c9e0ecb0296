package dev.agentvm.testkit.junit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** Describes the VM of a parameter. What is not said is as {@link dev.agentvm.VMTemplate} has it, or as the method says. */
@Target(ElementType.PARAMETER)
@Retention(RetentionPolicy.RUNTIME)
@Documented
public @interface Launch {
    /** The name of the {@link Template} method that describes it; if not said, nothing but this annotation does. */
    String template() default "";

    /**
     * Its name, which is followed by a few characters; that of the {@link Template} method's VM, or {@code vm}, if not
     * said.
     */
    String name() default "";

    /** The name of its image. */
    String image() default "";

    /** Virtual CPUs; 0 if not said. */
    int vcpus() default 0;

    /** Memory in MiB; 0 if not said. */
    int memoryMiB() default 0;

    /** Disk in GiB; 0 if not said. */
    int diskGiB() default 0;

    /** No network at all, {@link dev.agentvm.network.NetworkMode#ISOLATED}. */
    boolean isolated() default false;
}
