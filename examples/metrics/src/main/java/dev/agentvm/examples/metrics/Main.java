package dev.agentvm.examples.metrics;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.GuestImage;
import dev.agentvm.Hypervisor;
import dev.agentvm.VMTemplate;
import dev.agentvm.libvirt.LibvirtHypervisor;
import dev.agentvm.pool.VMLease;
import dev.agentvm.pool.VMPool;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;

/**
 * Runs a command over and over, each time in another VM of a pool, and serves what is measured; in the lab:
 *
 * <pre>{@code
 * lab/run java -jar examples/metrics/target/metrics.jar 9464 tiny 'echo hello; sleep 1'
 * }</pre>
 */
public final class Main {
    private static final String USAGE = """
            usage: metrics PORT IMAGE COMMAND

            Runs COMMAND over and over in VMs of IMAGE, and serves what is measured to Prometheus
            at http://127.0.0.1:PORT/metrics, until it is interrupted.""";

    private Main() {}

    /** Ends with 2 if the arguments are wrong or there are no VMs to be had. */
    public static void main(String[] args) throws IOException {
        if (args.length != 3 || !args[0].matches("[0-9]{1,5}") || Integer.parseInt(args[0]) > 65_535) {
            System.err.println(USAGE);
            System.exit(2);
        }
        InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(args[0]));
        VMTemplate template = new VMTemplate.Builder()
                .name("job")
                .image(GuestImage.named(args[1]))
                .build();
        try (PrometheusServer server = PrometheusServer.start(address);
                Hypervisor hypervisor =
                        new LibvirtHypervisor.Builder().metrics(server.sink()).connect();
                VMPool pool = new VMPool.Builder(hypervisor, template)
                        .max(2)
                        .maxUses(10)
                        .metrics(server.sink())
                        .open()) {
            System.out.println("Metrics are at " + server.uri());
            runForEver(pool, Command.shell(args[2]));
        } catch (AgentVMException e) {
            System.err.println(e.getMessage());
            System.exit(2);
        }
    }

    private static void runForEver(VMPool pool, Command command) {
        while (!Thread.currentThread().isInterrupted()) {
            try (VMLease lease = pool.acquire(Duration.ofMinutes(5))) {
                System.out.print(lease.vm().exec(command).stdoutText());
            }
        }
    }
}
