package dev.agentvm.libvirt.internal.domain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.ReapReport;
import dev.agentvm.libvirt.internal.connection.DomainRef;
import dev.agentvm.libvirt.internal.connection.Domains;
import dev.agentvm.libvirt.internal.connection.Libvirt;
import dev.agentvm.libvirt.internal.connection.NetworkFilters;
import dev.agentvm.libvirt.internal.network.HostView;
import dev.agentvm.libvirt.internal.network.NetworkSettings;
import dev.agentvm.libvirt.internal.network.Stub;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Of journals that do not name their host, as earlier versions wrote them: they may be of another's VMs. */
class ReaperTest {
    @TempDir
    Path directory = Path.of("");

    private final DomainRef domain = new DomainRef(UUID.randomUUID(), "vm");
    private final Set<DomainRef> domains = new HashSet<>();
    private final Set<String> filters = new HashSet<>();
    /** Any other call fails, such as one that deletes a volume. */
    private final Libvirt libvirt = Stub.of(Libvirt.class)
            .on(
                    "domains",
                    Stub.of(Domains.class)
                            .on("list", List.of())
                            .on(
                                    "lookup",
                                    arguments -> domains.stream()
                                            .filter(known -> known.uuid().equals(arguments[0]))
                                            .findFirst())
                            .on("destroy", arguments -> domains.remove(arguments[0]))
                            .get())
            .on(
                    "filters",
                    Stub.of(NetworkFilters.class)
                            .on(
                                    "lookup",
                                    arguments -> filters.contains(arguments[0])
                                            ? Optional.of(
                                                    new NetworkFilters.Info((String) arguments[0], UUID.randomUUID()))
                                            : Optional.empty())
                            .on("undefine", arguments -> filters.remove(arguments[0]))
                            .get())
            .get();

    private Parts opened;

    @BeforeEach
    void open() {
        opened = Parts.open(TestDriverSettings.of(directory, event -> {}));
    }

    @AfterEach
    void close() {
        opened.close();
    }

    @Test
    void vmThatIsNotKnownHere_isLeftToItsHost() throws IOException {
        Path journal = journal("detached\nVOLUME\tpool\tvolume\nFILTER\tagentvm-x\nready\n");

        assertThat(reap().removed()).isEmpty();
        assertThat(journal).exists();
    }

    @Test
    void filterThatIsHere_isRemovedWithTheJournal() throws IOException {
        Path journal = journal("FILTER\tagentvm-x\n");
        filters.add("agentvm-x");

        assertThat(reap().removed()).hasSize(1);
        assertThat(filters).isEmpty();
        assertThat(journal).doesNotExist();
    }

    @Test
    void domainThatIsHere_isRemovedWithTheJournal() throws IOException {
        Path journal = journal("DOMAIN\t" + domain.uuid() + "\tvm\n");
        domains.add(domain);

        assertThat(reap().removed()).hasSize(1);
        assertThat(domains).isEmpty();
        assertThat(journal).doesNotExist();
    }

    private Path journal(String entries) throws IOException {
        return Files.writeString(
                directory.resolve("state/launches").resolve(domain.uuid() + ".journal"),
                "owner\t" + UUID.randomUUID() + "\nhypervisor\ttest:///default\nvm\t" + domain.uuid() + "\tvm\n"
                        + entries);
    }

    private ReapReport reap() {
        Parts parts = new Parts(
                libvirt,
                opened.journals(),
                opened.images(),
                opened.volumes(),
                new Networking(libvirt, NetworkSettings.standard(), HostView.local()),
                opened.taps(),
                opened.events(),
                opened.sampling(),
                opened.requirements(),
                opened.clock());
        return new Reaper(parts, ref -> LibvirtHost.ledger(parts, ref), false).reap();
    }
}
