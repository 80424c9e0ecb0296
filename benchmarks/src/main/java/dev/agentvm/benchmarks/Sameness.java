package dev.agentvm.benchmarks;

import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.xml.DomainXml;
import dev.agentvm.libvirt.internal.xml.LibvirtXml;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/** Makes sure that two VMs which are compared are the same to libvirt: all but their names and addresses. */
final class Sameness {
    private Sameness() {}

    /** A running domain and its filter as libvirt has them, without what is its own. */
    static String of(Libvirt libvirt, DomainRef domain) {
        String xml = libvirt.domains().xml(domain);
        DomainXml.Interface card =
                LibvirtXml.read(xml, DomainXml.class).devices.interfaces.get(0);
        String filter = Objects.requireNonNull(Objects.requireNonNull(card.filterref).filter);
        String mac = Objects.requireNonNull(Objects.requireNonNull(card.mac).address);
        String tap = Objects.requireNonNull(Objects.requireNonNull(card.target).dev);
        return (xml + libvirt.filters().xml(filter).orElseThrow())
                .replaceAll("(?s)<metadata>.*?</metadata>", "")
                .replace(domain.uuid().toString(), "UUID")
                .replace(mac, "MAC")
                .replace(address(mac), "ADDRESS")
                .replace(tap, "TAP")
                .replaceAll("portid='[^']*'", "portid")
                .replaceAll("<genid>[^<]*</genid>", "<genid/>")
                .replaceAll("(?<=<domain type='\\w{1,9}' id=)'\\d+'", "ID")
                .replaceAll("/domain-\\d+-", "/domain-ID-")
                .replaceAll("/dev/pts/\\d+", "/dev/pts/N");
    }

    /** An address of the library's network is the last four bytes of its MAC address. */
    private static String address(String mac) {
        List<String> bytes = List.of(mac.split(":")).subList(2, 6);
        return String.join(
                ".",
                bytes.stream()
                        .map(hex -> Integer.toString(Integer.parseInt(hex, 16)))
                        .toList());
    }

    /**
     * Compares.
     *
     * @throws IllegalStateException if they differ; it names the first lines that do
     */
    static void require(String one, String other) {
        List<String> left = one.lines().toList();
        List<String> right = other.lines().toList();
        IntStream.range(0, Math.max(left.size(), right.size()))
                .filter(i -> !line(left, i).equals(line(right, i)))
                .findFirst()
                .ifPresent(i -> {
                    throw new IllegalStateException("what is compared is not the same: through the library '"
                            + line(left, i).strip() + "', directly '"
                            + line(right, i).strip() + "'");
                });
    }

    private static String line(List<String> lines, int index) {
        return index < lines.size() ? lines.get(index) : "";
    }
}
