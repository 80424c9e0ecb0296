package dev.agentvm;

import org.immutables.value.Value;

/** How a template is generated: as any value, with an exception of its own. */
@Value.Style(
        visibility = Value.Style.ImplementationVisibility.PACKAGE,
        builderVisibility = Value.Style.BuilderVisibility.PACKAGE,
        overshadowImplementation = true,
        depluralize = true,
        depluralizeDictionary = {"address:addresses"},
        jdkOnly = true,
        // Without this, consumers' compilers ask for Immutables' own annotations.
        allowedClasspathAnnotations = {Override.class},
        throwForInvalidImmutableState = InvalidTemplateException.class)
@interface TemplateStyle {}
