package dev.agentvm.libvirt.internal.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.AgentVMException;
import dev.agentvm.Command;
import dev.agentvm.ExitStatus;
import dev.agentvm.FailureContext;
import dev.agentvm.GuestAgentException;
import dev.agentvm.VMDestroyedException;
import dev.agentvm.libvirt.internal.connection.ByteSink;
import dev.agentvm.libvirt.internal.connection.ByteStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a host does about whatever a guest does with a port; the guest is here, and as bad as a test wants. */
@Timeout(60)
class PortStreamTest {
    private static final String MARK = "port-0123456789abcdef0123456789abcdef";
    private static final String MARK_LINE = MARK + "\n";
    private static final String NAME = "dev.agentvm.bulk.0";
    private static final Duration SOON = Duration.ofMillis(300);

    private final Guest guest = new Guest();
    private final CompletableFuture<ExitStatus> exit = new CompletableFuture<>();
    private final Ports ports = new Ports(List.of(NAME), guest::open);

    /** The guest's end of a port, and libvirt between. */
    private static final class Guest implements ByteStream {
        private final ByteArrayOutputStream heard = new ByteArrayOutputStream();
        private final List<String> lines = new ArrayList<>();
        private ByteSink sink = new Port(NAME, Ports.none());
        private Optional<AgentVMException> refusal = Optional.empty();
        private Runnable whileToldToStop = () -> {};
        private boolean finished;
        private final CompletableFuture<Void> aborted = new CompletableFuture<>();
        private volatile boolean takesNothing;
        private boolean open;

        ByteStream open(String name, ByteSink opened) {
            assertThat(name).isEqualTo(NAME);
            sink = opened;
            open = true;
            return this;
        }

        void say(String text) {
            say(text.getBytes(StandardCharsets.US_ASCII));
        }

        void say(byte[] bytes) {
            sink.bytes(ByteBuffer.wrap(bytes));
        }

        @Override
        public void send(ByteBuffer bytes) {
            if (takesNothing) {
                aborted.join();
                throw new AgentVMException("given up", FailureContext.of("channel"));
            }
            refusal.ifPresent(failure -> {
                throw failure;
            });
            byte[] all = new byte[bytes.remaining()];
            bytes.get(all);
            heard.writeBytes(all);
            String text = new String(all, StandardCharsets.US_ASCII);
            if (text.equals("stop\n")) {
                whileToldToStop.run();
            }
            if (text.matches("(stop|go|bye)\\n")) {
                lines.add(text.strip());
            }
        }

        @Override
        public void finish() {
            finished = true;
        }

        @Override
        public boolean open() {
            return open;
        }

        @Override
        public void abort() {
            aborted.complete(null);
        }

        @Override
        public void close() {
            open = false;
        }
    }

    private PortStream stream() {
        return stream(SOON);
    }

    private PortStream stream(Duration patience) {
        Port port = ports.take().orElseThrow();
        return new PortStream(port, new EndingProcess(exit), MARK, patience, new Trouble("vm", "copyOut", "copying"));
    }

    private static byte[] random(int size) {
        byte[] bytes = new byte[size];
        new Random(size).nextBytes(bytes);
        return bytes;
    }

    private static byte[] all(PortStream stream) throws IOException {
        try (InputStream output = stream.output()) {
            return output.readAllBytes();
        }
    }

    /** Sends what a program writes, as far as it is not told to stop, and the end. */
    private void give(byte[] content) {
        for (int i = 0; i < content.length; i += 60_000) {
            assertThat(guest.lines).isEmpty();
            guest.say(Arrays.copyOfRange(content, i, Math.min(content.length, i + 60_000)));
        }
        guest.say(MARK_LINE);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 37, 38, 39, 65_535, 65_536, 1_048_576, 5_000_000})
    void output_ofAnySize_isExact(int size) throws IOException {
        byte[] content = random(size);
        try (PortStream stream = stream()) {
            guest.say("left by another copy\nport-port-01\0" + MARK_LINE);
            assertThat(stream.begin()).isTrue();
            give(content);
            assertThat(all(stream)).isEqualTo(content);
            assertThat(guest.lines).containsExactly("bye");
        }
        assertThat(guest.open).isFalse();
    }

    @Test
    void output_markInTheContentAndByteByByte_isExact() throws IOException {
        byte[] content = (MARK_LINE + "x" + MARK_LINE + MARK).getBytes(StandardCharsets.US_ASCII);
        try (PortStream stream = stream()) {
            guest.say(MARK_LINE);
            assertThat(stream.begin()).isTrue();
            give(content);
            assertThat(all(stream)).isEqualTo(content);
        }
    }

    @Test
    void output_thatDoesNotStop_isRefused() throws IOException {
        try (PortStream stream = stream()) {
            guest.say(MARK_LINE);
            assertThat(stream.begin()).isTrue();
            InputStream output = stream.output();
            for (int i = 0; i < 80; i++) {
                guest.say(new byte[1 << 20]);
            }
            assertThat(guest.lines).containsExactly("stop");
            assertThatThrownBy(output::readAllBytes)
                    .hasCauseInstanceOf(GuestAgentException.class)
                    .cause()
                    .hasMessageContaining(NAME)
                    .hasMessageContaining("more")
                    .hasMessageContaining("VM 'vm'");
        }
    }

    @Test
    void output_readerIsSlow_guestIsToldToStopAndToGoOn() throws IOException {
        try (PortStream stream = stream()) {
            guest.say(MARK_LINE);
            assertThat(stream.begin()).isTrue();
            InputStream output = stream.output();
            guest.say(new byte[Port.MUCH - 1]);
            assertThat(guest.lines).isEmpty();
            guest.say(new byte[1]);
            assertThat(guest.lines).containsExactly("stop");
            // More than it reads ahead.
            assertThat(output.readNBytes(Port.MUCH - Port.LITTLE - 400_000)).hasSize(Port.MUCH - Port.LITTLE - 400_000);
            assertThat(guest.lines).containsExactly("stop");
            assertThat(output.readNBytes(500_000)).hasSize(500_000);
            assertThat(guest.lines).containsExactly("stop", "go");
            guest.say(MARK_LINE);
            assertThat(output.readAllBytes()).hasSize(Port.LITTLE - 100_000);
        }
    }

    @Test
    void output_readWhileTheGuestIsToldToStop_isToldToGoOnAfterwards() throws IOException {
        try (PortStream stream = stream()) {
            guest.say(MARK_LINE);
            assertThat(stream.begin()).isTrue();
            InputStream output = stream.output();
            guest.whileToldToStop = () ->
                    assertThatCode(() -> output.readNBytes(Port.MUCH - 100_000)).doesNotThrowAnyException();
            guest.say(new byte[Port.MUCH]);

            assertThat(guest.lines).containsExactly("stop", "go");
        }
    }

    @Test
    void output_byteByByteAndUnread_takesNoMoreMemoryThanItsSize() throws IOException {
        try (PortStream stream = stream()) {
            guest.say(MARK_LINE);
            assertThat(stream.begin()).isTrue();
            InputStream output = stream.output();
            long before = heap();

            for (int i = 0; i < Port.LITTLE; i++) {
                guest.say(new byte[1]);
            }

            assertThat(heap() - before).isLessThan(3L * Port.LITTLE);
            assertThat(output.readNBytes(Port.LITTLE - 100)).hasSize(Port.LITTLE - 100);
        }
    }

    private static long heap() {
        System.gc();
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    @Test
    void output_nothingMoves_namesIt() throws IOException {
        try (PortStream stream = stream()) {
            guest.say(MARK_LINE);
            assertThat(stream.begin()).isTrue();
            guest.say("and then");
            assertThatThrownBy(() -> all(stream))
                    .hasCauseInstanceOf(GuestAgentException.class)
                    .cause()
                    .hasMessageContaining("no byte has come by the port " + NAME);
        }
    }

    @Test
    void output_programEndsWell_withoutItsMark_isNoEnd() throws IOException {
        try (PortStream stream = stream()) {
            guest.say(MARK_LINE + "half");
            assertThat(stream.begin()).isTrue();
            exit.complete(ExitStatus.exited(0));
            assertThatThrownBy(() -> all(stream)).hasMessageContaining("ends before its end");
        }
    }

    @Test
    void output_programFails_endsForItToExplain() throws IOException {
        try (PortStream stream = stream()) {
            guest.say(MARK_LINE + "half");
            assertThat(stream.begin()).isTrue();
            exit.complete(ExitStatus.exited(2));
            assertThat(all(stream)).hasSizeLessThanOrEqualTo(4);
        }
    }

    @Test
    void output_vmDestroyed_isThat() throws IOException {
        AgentVMException gone = new VMDestroyedException("gone", FailureContext.of("copy"));
        try (PortStream stream = stream(Duration.ofSeconds(50))) {
            guest.say(MARK_LINE);
            assertThat(stream.begin()).isTrue();
            InputStream output = stream.output();
            guest.sink.end(Optional.of(new AgentVMException("hung up", FailureContext.of("channel"))));
            exit.complete(ExitStatus.failed(gone));
            assertThatThrownBy(output::readAllBytes).hasCause(gone);
        }
    }

    @Test
    void input_vmDestroyedWhileNothingIsTaken_isThat() throws IOException {
        AgentVMException gone = new VMDestroyedException("gone", FailureContext.of("copy"));
        try (PortStream stream = stream(Duration.ofSeconds(50))) {
            guest.say(MARK_LINE);
            assertThat(stream.begin()).isTrue();
            OutputStream input = stream.input();
            guest.takesNothing = true;
            CompletableFuture<Void> unused = CompletableFuture.runAsync(
                    () -> exit.complete(ExitStatus.failed(gone)),
                    CompletableFuture.delayedExecutor(SOON.toMillis(), TimeUnit.MILLISECONDS));
            assertThatThrownBy(() -> input.write(1)).hasCause(gone);
        }
    }

    @Test
    void begin_somebodyElseWrites_isDoneWithout() throws IOException {
        try (PortStream stream = stream()) {
            for (int i = 0; i < 200; i++) {
                guest.say("port-0123".repeat(1_000));
            }
            assertThat(stream.begin()).isFalse();
            exit.complete(ExitStatus.exited(PortScripts.BUSY));
            assertThat(stream.isUseless()).isFalse();
        }
    }

    @Test
    void begin_guestWithoutPort_isDoneWithoutAndNotTriedAgain() throws IOException {
        try (PortStream stream = stream()) {
            exit.complete(ExitStatus.exited(PortScripts.NO_PORT));
            assertThat(stream.begin()).isFalse();
            assertThat(stream.isUseless()).isTrue();
        }
    }

    @Test
    void out_guestWithoutPort_hasWhatIsLeftOfItsTime() {
        List<Command> started = new ArrayList<>();
        StreamStarter starter = new StreamStarter(
                command -> {
                    started.add(command);
                    exit.complete(ExitStatus.exited(PortScripts.NO_PORT));
                    return new EndingProcess(exit);
                },
                ports,
                SOON);
        Command work = Command.of("/bin/sh", "-c", "cat", "agentvm").withTimeout(Duration.ofMinutes(1));

        starter.out(work, new Trouble("vm", "copyOut", "copying")).close();

        assertThat(started).hasSize(2);
        assertThat(started.get(1).timeout())
                .isLessThan(started.get(0).timeout())
                .isGreaterThan(Duration.ofSeconds(50));
    }

    private byte[] decoded() throws IOException {
        ByteArrayInputStream sent = new ByteArrayInputStream(guest.heard.toByteArray());
        assertThat(line(sent)).isEmpty();
        assertThat(line(sent)).isEqualTo(MARK);
        byte[] content = sent.readNBytes(sent.available() - PortScripts.PADDING);
        assertThat(sent.readAllBytes()).containsOnly(0);
        return content;
    }

    private static String line(InputStream stream) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int next = stream.read(); next >= 0 && next != '\n'; next = stream.read()) {
            line.append((char) next);
        }
        return line.toString();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 65_536, 65_537, 1_048_576, 9_000_000})
    void input_ofAnySize_isExact(int size) throws IOException {
        byte[] content = random(size);
        try (PortStream stream = stream()) {
            guest.say(MARK_LINE);
            assertThat(stream.begin()).isTrue();
            try (OutputStream input = stream.input()) {
                input.write(content, 0, size / 3);
                input.write(content, size / 3, size - size / 3);
            }
            assertThat(decoded()).isEqualTo(content);
            assertThat(guest.finished).isTrue();
        }
    }

    @Test
    void input_portTakesNothing_namesIt() throws IOException {
        guest.refusal = Optional.of(new AgentVMException("not in time", FailureContext.of("channel")));
        try (PortStream stream = stream()) {
            guest.say(MARK_LINE);
            assertThat(stream.begin()).isTrue();
            assertThatThrownBy(stream::input)
                    .hasCauseInstanceOf(GuestAgentException.class)
                    .cause()
                    .hasMessageContaining("the port " + NAME + " takes nothing");
        }
    }

    @Test
    void input_programEnds_isForItToExplain() throws IOException {
        try (PortStream stream = stream()) {
            guest.say(MARK_LINE);
            assertThat(stream.begin()).isTrue();
            OutputStream input = stream.input();
            exit.complete(ExitStatus.exited(2));
            assertThat(guest.open).isFalse();
            guest.refusal = Optional.of(new AgentVMException("closed", FailureContext.of("channel")));
            assertThatThrownBy(() -> input.write(1))
                    .isInstanceOf(IOException.class)
                    .hasNoCause();
        }
    }

    @Test
    void take_eachPort_isLentOnceAndComesBack() {
        List<String> asked = new ArrayList<>();
        Ports two = new Ports(List.of("a", "b", "c"), (name, sink) -> {
            asked.add(name);
            if (name.equals("a")) {
                throw new AgentVMException("somebody has it", FailureContext.of("channel"));
            }
            return new Guest();
        });

        Port first = two.take().orElseThrow();
        Port second = two.take().orElseThrow();
        assertThat(two.take()).isEmpty();
        first.close();
        first.close();
        assertThat(two.take()).isPresent();

        assertThat(first.name()).isEqualTo("b");
        assertThat(second.name()).isEqualTo("c");
        assertThat(asked).containsExactly("a", "b", "a", "c", "a", "a", "b");
        two.areUseless();
        second.close();
        assertThat(two.take()).isEmpty();
    }
}
