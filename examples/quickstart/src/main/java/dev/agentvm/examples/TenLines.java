package dev.agentvm.examples;

import dev.agentvm.Command;
import dev.agentvm.ExecResult;
import dev.agentvm.Hypervisor;
import dev.agentvm.VM;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.LibvirtHypervisor;

/** The least program: a VM from a template that has nothing but a name, and one command in it. */
public final class TenLines {
    private TenLines() {}

    /** Launches a VM, asks its kernel for its name, and closes it. */
    public static void main(String[] args) {
        VMTemplate template = new VMTemplate.Builder().name("vm").build();

        try (Hypervisor hypervisor = LibvirtHypervisor.connect();
                VM vm = hypervisor.launch(template)) {
            ExecResult result = vm.exec(Command.of("uname", "-a"));
            System.out.print(result.stdoutText());
        }
    }
}
