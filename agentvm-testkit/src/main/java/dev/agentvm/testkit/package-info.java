/** What a program that uses agentvm tests itself with, on machines without KVM. */
@NullMarked
package dev.agentvm.testkit;

import org.jspecify.annotations.NullMarked;
