package dev.agentvm.libvirt.internal.guest;

import dev.agentvm.AgentVMException;
import org.jspecify.annotations.Nullable;

/** Where an output of a started command goes. Safe for use by many threads. */
interface Sink {
    /** How many bytes it takes at present. */
    int room();

    /** Takes bytes, no more than there was room for. */
    void put(byte[] bytes);

    /** Nothing more comes: the output is complete, or that is why it is not. */
    void end(@Nullable AgentVMException failure);
}
