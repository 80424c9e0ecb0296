package dev.agentvm.testkit.junit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Marks a method of a test class that describes VMs: it takes nothing and returns a {@link dev.agentvm.VMTemplate}. Where a
 * class has one such method, it describes the VMs of all parameters without {@link Launch}; where it has several,
 * {@link Launch#template} names the one that is meant, by the method's name. It must be static where {@code @BeforeAll} or a
 * constructor asks for a VM.
 */
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@Documented
public @interface Template {}
