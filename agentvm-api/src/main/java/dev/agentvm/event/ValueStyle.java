package dev.agentvm.event;

import dev.agentvm.InvalidValueException;
import org.immutables.value.Value;

/** How every value of this package is generated. */
@Value.Style(
        visibility = Value.Style.ImplementationVisibility.PACKAGE,
        builderVisibility = Value.Style.BuilderVisibility.PACKAGE,
        overshadowImplementation = true,
        depluralize = true,
        depluralizeDictionary = {"address:addresses"},
        jdkOnly = true,
        // Without this, consumers' compilers ask for Immutables' own annotations.
        allowedClasspathAnnotations = {Override.class},
        throwForInvalidImmutableState = InvalidValueException.class)
@interface ValueStyle {}
