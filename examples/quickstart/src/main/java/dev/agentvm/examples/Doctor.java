package dev.agentvm.examples;

import dev.agentvm.libvirt.HostCheck;

/** Says whether this host can keep what is promised of VMs, and what to do where it cannot. */
public final class Doctor {
    private Doctor() {}

    /** Prints the findings; ends with status 1 if VMs cannot be launched. */
    public static void main(String[] args) {
        HostCheck check = HostCheck.run();
        System.out.println(check);
        System.exit(check.isReady() ? 0 : 1);
    }
}
