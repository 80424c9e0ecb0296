package dev.agentvm.libvirt.internal.domain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.agentvm.event.VMIdentity;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.NetworkFilters;
import dev.agentvm.libvirt.internal.network.Attached;
import dev.agentvm.libvirt.internal.network.FilterRenderer;
import dev.agentvm.libvirt.internal.network.HostAddresses;
import dev.agentvm.libvirt.internal.network.HostView;
import dev.agentvm.libvirt.internal.network.NetworkSettings;
import dev.agentvm.libvirt.internal.network.Stub;
import dev.agentvm.network.DenyAction;
import dev.agentvm.network.Flow;
import dev.agentvm.network.IPv4Address;
import dev.agentvm.network.MacAddress;
import dev.agentvm.network.NetworkAttachment;
import dev.agentvm.network.NetworkPolicy;
import dev.agentvm.spi.EventDispatcher;
import dev.agentvm.spi.VMEventSource;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A host that changes, and a libvirt that keeps the filters that it is given. */
class PolicyInForceTest {
    private static final NetworkPolicy REJECTING = NetworkPolicy.agentDefault();
    private static final NetworkPolicy DROPPING =
            REJECTING.toBuilder().denied(DenyAction.DROP).build();
    private static final NetworkAttachment VM = NetworkAttachment.example();
    private static final Attached BEHIND_NAT =
            new Attached(VM, "agentvm0", Optional.of(MacAddress.of("52:54:c0:a8:65:01")), false);
    private static final Attached ON_BRIDGE =
            new Attached(VM.withGateway(Optional.empty()), "br0", Optional.empty(), false);
    private static final String LEASES = "/run/libvirt/network/nwfilter.leases";
    private static final String SWITCH = "/proc/sys/net/bridge/bridge-nf-call-iptables";

    @TempDir
    Path directory = Path.of("");

    private final DomainRef domain = new DomainRef(UUID.randomUUID(), "vm");
    private final Map<String, String> files = new HashMap<>(Map.of(SWITCH, "1"));
    /** One after the other; the last is in force. */
    private final List<String> filters = new CopyOnWriteArrayList<>();

    private final Networking networking = new Networking(libvirt(), NetworkSettings.standard(), host());
    private final VMEventSource events = VMEventSource.ofForeign(
            new EventDispatcher(), Clock.systemUTC(), VMIdentity.of(domain.uuid(), domain.name()));
    private volatile HostAddresses addresses = addresses("81.2.70.1");
    private volatile Optional<String> bound = Optional.of(FilterRenderer.name(domain.uuid()));

    private HostView host() {
        return Stub.of(HostView.class)
                .on("read", arguments -> Optional.ofNullable(files.get(arguments[0])))
                .on("addresses", arguments -> addresses)
                .get();
    }

    private Libvirt libvirt() {
        NetworkFilters network = Stub.of(NetworkFilters.class)
                .on("define", arguments -> {
                    filters.add((String) arguments[0]);
                    return new NetworkFilters.Info(FilterRenderer.name(domain.uuid()), domain.uuid());
                })
                .on("xml", arguments -> Optional.of(filters.get(filters.size() - 1)))
                .on(
                        "binding",
                        arguments -> bound.map(name -> new NetworkFilters.Binding((String) arguments[0], name, "")))
                .get();
        return Stub.of(Libvirt.class).on("filters", network).get();
    }

    private static HostAddresses addresses(String... all) {
        List<IPv4Address> single = new ArrayList<>();
        for (String address : all) {
            single.add(IPv4Address.of(address));
        }
        return new HostAddresses(Set.copyOf(single), Set.of());
    }

    private PolicyInForce inForce(NetworkPolicy policy, Attached attached) {
        Attached now = networking.now(attached, addresses);
        return PolicyInForce.of(networking, domain, now, policy, networking.update(domain.uuid(), policy, now));
    }

    @Test
    void refresh_hostAsItWas_changesNothing() {
        PolicyInForce policy = inForce(REJECTING, BEHIND_NAT);

        assertThat(policy.refresh(addresses)).isFalse();

        assertThat(filters).hasSize(1);
    }

    @Test
    void refresh_hostWithAnotherAddress_closesIt() {
        PolicyInForce policy = inForce(REJECTING, BEHIND_NAT);
        addresses = addresses("81.2.70.1", "81.2.70.5");

        assertThat(policy.refresh(addresses)).isTrue();

        assertThat(filters).last().asString().contains("\"81.2.70.5\"");
        assertThat(policy.attachment().isHost(IPv4Address.of("81.2.70.5"))).isTrue();
    }

    @Test
    void refresh_addressesSeenBeforeAPolicyWasSet_doNotReplaceThoseOfNow() {
        PolicyInForce policy = inForce(REJECTING, BEHIND_NAT);
        HostAddresses seen = addresses;
        addresses = addresses("81.2.70.1", "81.2.70.5");
        policy.set(DROPPING, events);

        assertThat(policy.refresh(seen)).isFalse();

        assertThat(filters).hasSize(2).last().asString().contains("\"81.2.70.5\"");
    }

    /** Under either form of the policy nothing but that warning may change. */
    @Test
    void refresh_switchTurnedOffAndOn_warnsOnACallersBridgeWhileItIsOff() {
        for (NetworkPolicy wanted : List.of(REJECTING, DROPPING)) {
            PolicyInForce policy = inForce(wanted, ON_BRIDGE);
            assertThat(policy.warnings()).isEmpty();
            files.put(SWITCH, "0");

            policy.refresh(addresses);

            assertThat(policy.warnings())
                    .anySatisfy(warning -> assertThat(warning).contains("can start TCP connections to it", "is 0"));
            files.put(SWITCH, "1");
            policy.refresh(addresses);
            assertThat(policy.warnings()).isEmpty();
        }
    }

    @Test
    void refresh_leaseThatEnded_definesNothingUntilItIsThereAgain() {
        PolicyInForce policy = learnt();
        note(1700003600, ON_BRIDGE.vm().address());
        assertThat(policy.refresh(addresses)).isFalse();
        note(0, ON_BRIDGE.vm().address());
        addresses = addresses("81.2.70.5");

        assertThat(policy.refresh(addresses)).isFalse();

        assertThat(filters).hasSize(1);
        assertThat(policy.warnings()).singleElement().asString().contains("lease", "has ended");
        assertThat(policy.judge(Flow.tcp("8.8.8.8", 443)).orElseThrow().allowed())
                .isFalse();
        note(1700003600, ON_BRIDGE.vm().address());
        assertThat(policy.refresh(addresses)).isTrue();
        assertThat(filters).last().asString().contains("\"81.2.70.5\"");
        assertThat(policy.warnings()).isEmpty();
    }

    @Test
    void set_leaseThatEnded_letsNothingPassButDhcpUntilItIsThereAgain() {
        PolicyInForce policy = learnt();
        note(0, ON_BRIDGE.vm().address());

        policy.set(DROPPING, events);

        assertThat(filters)
                .last()
                .asString()
                .doesNotContain(ON_BRIDGE.vm().address().toString())
                .doesNotContain("443");
        assertThat(policy.warnings()).singleElement().asString().contains("has ended");
        // libvirt drops such notes now and then, and a lease of another address is none of the one in the filter.
        files.remove(LEASES);
        note(1700003600, IPv4Address.of("10.44.0.101"));
        assertThat(policy.refresh(addresses)).isFalse();
        note(1700003600, ON_BRIDGE.vm().address());
        assertThat(policy.refresh(addresses)).isTrue();
        assertThat(filters).last().asString().contains("443");
        assertThat(policy.warnings()).isEmpty();
    }

    @Test
    void verify_newDomainOfAVMWhoseLeaseEnded_letsNothingPassButDhcp() {
        PolicyInForce policy = learnt();
        note(0, ON_BRIDGE.vm().address());
        policy.refresh(addresses);

        policy.verify();

        assertThat(filters).hasSize(2).last().asString().doesNotContain("443");
        assertThat(policy.warnings()).singleElement().asString().contains("has ended");
    }

    private PolicyInForce learnt() {
        return inForce(REJECTING, new Attached(ON_BRIDGE.vm(), "br0", Optional.empty(), false, Attached.Lease.HELD));
    }

    private void note(long end, IPv4Address address) {
        String line = end + " " + domain.uuid() + "-" + VM.mac() + " " + address + " 10.44.0.1\n";
        files.merge(LEASES, line, String::concat);
    }

    @Test
    void refresh_whileSomebodyHoldsThePolicy_doesNotWait() {
        PolicyInForce policy = inForce(REJECTING, BEHIND_NAT);
        addresses = addresses("81.2.70.5");

        policy.whileUnchanged(
                () -> await().until(CompletableFuture.supplyAsync(() -> policy.refresh(addresses))::isDone));

        assertThat(filters).hasSize(1);
        assertThat(policy.refresh(addresses)).isTrue();
    }

    @Test
    void refresh_retired_makesNoFilterAnew() {
        PolicyInForce policy = inForce(REJECTING, BEHIND_NAT);
        addresses = addresses("81.2.70.5");
        policy.retire();

        assertThat(policy.refresh(addresses)).isFalse();

        assertThat(filters).hasSize(1);
    }

    @Test
    void refresh_noFilterOnTheTap_warnsUntilThePolicyIsInForceAgain() {
        PolicyInForce policy = inForce(REJECTING, BEHIND_NAT);
        Optional<String> before = bound;
        bound = Optional.empty();
        addresses = addresses("81.2.70.5");

        assertThat(policy.refresh(addresses)).isFalse();

        assertThat(policy.policy()).contains(REJECTING);
        assertThat(policy.warnings()).singleElement().asString().contains("not in force", "no filter is bound");
        assertThat(policy.version()).isEmpty();
        bound = before;
        assertThat(policy.refresh(addresses)).isTrue();
        assertThat(policy.warnings()).isEmpty();
        assertThat(filters).last().asString().contains("\"81.2.70.5\"");
    }

    @Test
    void refresh_filterOfAnotherProgram_isLeftToItWithAWarning() {
        PolicyInForce policy = inForce(REJECTING, BEHIND_NAT);
        bound = Optional.of("clean-traffic");
        addresses = addresses("81.2.70.5");

        assertThat(policy.refresh(addresses)).isFalse();

        assertThat(policy.policy()).isEmpty();
        assertThat(policy.warnings()).singleElement().asString().contains("not in force", "'clean-traffic' is bound");
        assertThat(filters).hasSize(1);
    }

    @Test
    void watch_guestThatBootsOrComesBack_isKeptUpWithTheHostUntilItsLaunchFails() {
        try (LibvirtHost host = LibvirtHost.openAsIs(TestDriverSettings.of(directory, told -> {}))) {
            Ledger ledger = new Ledger(host.parts().journals().begin(domain.uuid(), domain.name(), false), List.of());
            LibvirtVM vm = host.register(new LibvirtVM.Identity(domain, Map.of(), List.of(), true), events, ledger);
            PolicyInForce policy = inForce(REJECTING, BEHIND_NAT);
            vm.policy(policy);

            addresses = addresses("81.2.70.5");
            await().until(() -> filters.size() == 2);
            vm.beginReturn();
            addresses = addresses("81.2.70.6");
            await().until(() -> filters.size() == 3);
            host.forget(vm);

            addresses = addresses("81.2.70.7");
            assertThat(policy.refresh(addresses)).isFalse();
        }
    }
}
