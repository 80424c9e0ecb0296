/** Templates become domains: rendering, and the sequence of a launch. */
@NullMarked
package dev.agentvm.libvirt.internal.domain;

import org.jspecify.annotations.NullMarked;
