package dev.agentvm.traces;

import dev.agentvm.network.Cidr;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkAttachment;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;

/** The first line of a trace. */
final class HeaderLine {
    private HeaderLine() {}

    static String write(Trace.Header header) {
        NetworkAttachment attachment = header.attachment();
        JsonLine line = new JsonLine()
                .put("name", header.name())
                .put("seed", header.seed())
                .put("began", header.began().toString())
                .put("millis", header.length().toMillis())
                .put("mac", attachment.mac().toString())
                .put("address", attachment.address().toString())
                .put("subnet", attachment.subnet().toString())
                .put("resolvers", texts(attachment.resolvers()))
                .put("hostAddresses", texts(attachment.hostAddresses()));
        attachment.gateway().ifPresent(gateway -> line.put("gateway", gateway.toString()));
        header.attack()
                .ifPresent(attack -> line.put("attack", attack.name())
                        .put("tool", attack.tool())
                        .put("attackMillis", attack.began().toMillis())
                        .put("expected", List.copyOf(attack.expected()))
                        .put("allowed", List.copyOf(attack.allowed())));
        return line.put("steps", header.steps()).end();
    }

    static Trace.Header read(JsonLine line) {
        NetworkAttachment attachment = new NetworkAttachment.Builder()
                .mac(MacAddress.of(line.text("mac")))
                .address(IPv4Address.of(line.text("address")))
                .subnet(Cidr.of(line.text("subnet")))
                .gateway(line.optionalText("gateway").map(IPv4Address::of))
                .addAllResolvers(
                        line.texts("resolvers").stream().map(IPv4Address::of).toList())
                .addAllHostAddresses(line.texts("hostAddresses").stream()
                        .map(IPv4Address::of)
                        .toList())
                .build();
        return new Trace.Header(
                line.text("name"),
                line.number("seed").orElseThrow(),
                Instant.parse(line.text("began")),
                Duration.ofMillis(line.number("millis").orElseThrow()),
                attachment,
                attack(line),
                line.texts("steps"));
    }

    private static Optional<Trace.Attack> attack(JsonLine line) {
        return line.optionalText("attack")
                .map(name -> new Trace.Attack(
                        name,
                        line.text("tool"),
                        Duration.ofMillis(line.number("attackMillis").orElseThrow()),
                        new LinkedHashSet<>(line.texts("expected")),
                        new LinkedHashSet<>(line.texts("allowed"))));
    }

    private static List<String> texts(Collection<?> values) {
        return values.stream().map(Object::toString).toList();
    }
}
