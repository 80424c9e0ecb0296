package dev.agentvm.libvirt.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** What VMs left on the host, as libvirt's own tools and the kernel tell it. */
public final class Leftovers {
    private static final Path VOLUMES = Path.of("/var/lib/libvirt/agentvm");
    /** Where libvirt puts the variables of VMs that have no file of their own for them. */
    private static final Path VARIABLES = Path.of("/var/lib/libvirt/qemu/nvram");

    private static final Path STATE = Path.of("/var/lib/agentvm");

    private Leftovers() {}

    /** Each thing that is there, and its kind. */
    public static List<String> all() {
        List<String> all = new ArrayList<>();
        lines("virsh", "--quiet", "list", "--all", "--name").forEach(name -> all.add("domain " + name));
        lines("virsh", "--quiet", "nwfilter-list").stream()
                .filter(line -> line.contains("agentvm-"))
                .forEach(line -> all.add((line.contains("agentvm-address-") ? "reservation " : "filter ") + line));
        if (lines("virsh", "--quiet", "pool-list", "--name").contains("agentvm")) {
            Lab.host("virsh", "--quiet", "pool-refresh", "agentvm");
            lines("virsh", "--quiet", "vol-list", "agentvm").forEach(line -> all.add("disk " + line));
        }
        try {
            NetworkInterface.networkInterfaces()
                    .map(NetworkInterface::getName)
                    .filter(name -> name.startsWith("avm"))
                    .forEach(name -> all.add("tap " + name));
        } catch (SocketException e) {
            throw new UncheckedIOException(e);
        }
        files(VARIABLES).forEach(file -> all.add("UEFI variables " + file));
        files(STATE.resolve("launches")).forEach(file -> all.add("journal " + file));
        return all;
    }

    /** Where libvirt keeps the sockets of domains that run, by which it speaks to QEMU and the guest's agent. */
    static List<Path> sockets() {
        return Stream.of("/var/lib/libvirt/qemu", "/var/lib/libvirt/qemu/channel/target", "/run/libvirt/qemu/channel")
                .flatMap(directory -> files(Path.of(directory)).stream())
                .filter(file -> file.getFileName().toString().matches("(domain-)?[0-9]+-.*"))
                .toList();
    }

    /** All of that, sockets, processes and rules of the kernel's. */
    static List<String> everything() {
        List<String> everything = all();
        sockets().forEach(socket -> everything.add("socket " + socket));
        files(VOLUMES).forEach(file -> everything.add("file " + file));
        everything.addAll(processes());
        everything.addAll(rules());
        return everything;
    }

    /** VMs as the kernel sees them. */
    private static List<String> processes() {
        return commandLines()
                .filter(line -> line.contains("guest="))
                .map(line -> "process " + line)
                .toList();
    }

    /** Guards that live; one stays for some seconds after its program. */
    static List<String> guards() {
        return commandLines().filter(line -> line.contains("GuardProgram")).toList();
    }

    private static Stream<String> commandLines() {
        return ProcessHandle.allProcesses()
                .map(process -> process.pid() + " "
                        + process.info().commandLine().orElse("").replaceAll(" .*(guest=[^,]*|GuardProgram).*", " $1"));
    }

    /** The taps of which the kernel's filters speak. */
    static List<String> rules() {
        return Pattern.compile("avm[0-9a-z]+")
                .matcher(Lab.host("nft", "list", "ruleset"))
                .results()
                .map(found -> "rules for " + found.group())
                .distinct()
                .sorted()
                .toList();
    }

    /** The locks of programs that launch or launched; guards have one while they clean up. */
    public static List<Path> owners() {
        return files(STATE.resolve("owners"));
    }

    /** Finds nothing on the host. */
    public static void assertNone() {
        assertThat(all()).as("left on the host").isEmpty();
    }

    private static List<Path> files(Path directory) {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(directory)) {
            return files.toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** virsh aligns columns by what else there is. */
    private static List<String> lines(String... command) {
        return Lab.host(command)
                .lines()
                .map(line -> line.strip().replaceAll(" +", " "))
                .filter(line -> !line.isEmpty())
                .toList();
    }
}
