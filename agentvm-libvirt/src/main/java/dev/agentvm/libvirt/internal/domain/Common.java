package dev.agentvm.libvirt.internal.domain;

import java.util.concurrent.locks.ReentrantLock;

/**
 * What all handles of this program on one VM have in common.
 *
 * @param activity what commands do in the VM
 * @param changes held by whoever makes or removes what the VM is made of
 */
record Common(Activity activity, ReentrantLock changes) {
    Common(Activity activity) {
        this(activity, new ReentrantLock());
    }
}
