package dev.agentvm.libvirt.internal.network;

import dev.agentvm.AgentVMException;
import dev.agentvm.FailureContext;
import dev.agentvm.libvirt.internal.nativeaccess.ConnectionTracking;
import dev.agentvm.libvirt.internal.nativeaccess.PacketSocket;
import dev.agentvm.network.Cidr;
import dev.agentvm.network.IPv4Address;
import java.io.File;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** The host that this program runs on. */
final class LocalHost implements HostView {
    /** Where libvirtd's own PATH leads on the distributions it is packaged for. */
    private static final List<String> PROGRAM_DIRECTORIES =
            List.of("/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/local/bin");

    private static final long PATIENCE_SECONDS = 2;

    private final Path flowLogSocket;

    LocalHost(Path flowLogSocket) {
        this.flowLogSocket = flowLogSocket;
    }

    @Override
    public Optional<String> read(String path) {
        try {
            return Optional.of(Files.readString(Path.of(path)).strip());
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    @Override
    public boolean hasProgram(String name) {
        return program(name).isPresent();
    }

    private static Optional<Path> program(String name) {
        return PROGRAM_DIRECTORIES.stream()
                .map(directory -> Path.of(directory, name))
                .filter(Files::isExecutable)
                .findFirst();
    }

    @Override
    public boolean isUsable(String path) {
        return Files.isReadable(Path.of(path)) && Files.isWritable(Path.of(path));
    }

    @Override
    public boolean mayCapture() {
        return PacketSocket.permitted() || Files.exists(flowLogSocket);
    }

    @Override
    public boolean mayCountConnections() {
        return ConnectionTracking.answers();
    }

    @Override
    public Optional<String> run(String... command) {
        Optional<Path> program = program(command[0]);
        if (program.isEmpty()) {
            return Optional.empty();
        }
        List<String> line = new ArrayList<>(List.of(command));
        line.set(0, program.get().toString());
        Process process;
        try {
            process = new ProcessBuilder(line)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
                    .start();
        } catch (IOException e) {
            return Optional.empty();
        }
        // Whoever fills the pipe would never end, so the output is read aside.
        CompletableFuture<String> output = new CompletableFuture<>();
        Thread reader = new Thread(() -> output.complete(readAll(process)), "agentvm-host-command");
        reader.setDaemon(true);
        reader.start();
        try {
            String text = output.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
            return process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS) && process.exitValue() == 0
                    ? Optional.of(text)
                    : Optional.empty();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        } catch (ExecutionException | TimeoutException e) {
            return Optional.empty();
        } finally {
            process.destroyForcibly();
        }
    }

    private static String readAll(Process process) {
        try {
            return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            return "";
        }
    }

    /**
     * The addresses of the interfaces, and those that the kernel takes for its own without an interface, single (those
     * to which its subnets broadcast among them) or in blocks. Loopback is left out: packets from elsewhere do not reach it, unless the host says so, which
     * {@link Attached} knows.
     */
    @Override
    public HostAddresses addresses() {
        TreeSet<IPv4Address> addresses = new TreeSet<>();
        try {
            Enumeration<NetworkInterface> interfaces = NetworkInterface.getNetworkInterfaces();
            while (interfaces.hasMoreElements()) {
                interfaces
                        .nextElement()
                        .inetAddresses()
                        .filter(Inet4Address.class::isInstance)
                        .map(address -> IPv4Address.of((Inet4Address) address))
                        .forEach(addresses::add);
            }
        } catch (SocketException e) {
            throw new AgentVMException(
                    "Could not list the host's addresses, all of which are closed to VMs: " + e.getMessage(),
                    FailureContext.of("list host addresses"),
                    e);
        }
        TreeSet<Cidr> blocks = new TreeSet<>();
        for (Cidr local : Routes.local(this)) {
            if (local.prefixLength() == Integer.SIZE) {
                addresses.add(local.base());
            } else {
                blocks.add(local);
            }
        }
        addresses.removeIf(Routes.LOOPBACK::contains);
        blocks.removeIf(Routes.LOOPBACK::contains);
        return new HostAddresses(addresses, blocks);
    }
}
