package dev.agentvm.libvirt.lab;

import dev.agentvm.network.MacAddress;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/**
 * A machine that is no VM, with one of its addresses.
 *
 * @param name who it is to the VMs
 * @param namespace the lab's network namespace that it is; empty: the host
 * @param address the one that it uses
 * @param anyPort whether it can use ports below 1024 that are open for VMs, so that what it sends looks like an answer
 */
record Outsider(String name, String namespace, String address, boolean anyPort) {

    /** Runs a script there; what it prints. */
    String run(String script) {
        return Lab.host(inside("sh", "-c", script).toArray(String[]::new));
    }

    /** The address of its card. */
    MacAddress mac(String card) {
        return MacAddress.of(run("cat /sys/class/net/" + card + "/address"));
    }

    /** Puts frames on a network as they are. */
    void send(String card, Iterable<byte[]> frames) {
        List<String> command = inside("socat", "-u", "-", "INTERFACE:" + card);
        try {
            for (byte[] frame : frames) {
                Process socat = new ProcessBuilder(command)
                        .inheritIO()
                        .redirectInput(ProcessBuilder.Redirect.PIPE)
                        .start();
                try (OutputStream input = socat.getOutputStream()) {
                    input.write(frame);
                }
                if (socat.waitFor() != 0) {
                    throw new IllegalStateException(String.join(" ", command) + " ended with " + socat.exitValue());
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** A command of one of a script's words, run there. */
    String command(String command) {
        return namespace.isEmpty() ? command : "ip netns exec " + namespace + " " + command;
    }

    private List<String> inside(String... command) {
        List<String> all = new ArrayList<>();
        if (!namespace.isEmpty()) {
            all.addAll(List.of("ip", "netns", "exec", namespace));
        }
        all.addAll(List.of(command));
        return all;
    }

    /** The zone by which it reaches link-local addresses on a network. */
    static String zone(String address, String card) {
        return address.startsWith("fe80") ? "%" + card : "";
    }
}
