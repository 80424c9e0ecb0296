package dev.agentvm.libvirt.internal.connection;

import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;

/** XML for libvirt's own test driver, whose state is one for the whole process. */
final class TestDriver {
    static final String URI = "test:///default";
    static final String NAMESPACE = "urn:agentvm:test";
    private static final AtomicInteger NEXT = new AtomicInteger();

    private TestDriver() {}

    static String name(String prefix) {
        return prefix + "-" + ProcessHandle.current().pid() + "-" + NEXT.incrementAndGet();
    }

    static String domain(String name, UUID uuid, String note) {
        return "<domain type='test'><name>" + name + "</name><uuid>" + uuid + "</uuid><description>" + note
                + "</description><metadata><t:owner xmlns:t='" + NAMESPACE + "'>" + note + "</t:owner></metadata>"
                + "<memory unit='MiB'>64</memory><os><type arch='i686'>hvm</type></os></domain>";
    }

    static String network(String name, int subnet) {
        return "<network><name>" + name + "</name><forward mode='nat'/><bridge name='t" + subnet
                + "'/><ip address='10.9." + subnet + ".1' netmask='255.255.255.0'><dhcp><range start='10.9." + subnet
                + ".100' end='10.9." + subnet + ".200'/></dhcp></ip></network>";
    }
}
