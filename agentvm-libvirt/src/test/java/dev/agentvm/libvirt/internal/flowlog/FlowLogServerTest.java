package dev.agentvm.libvirt.internal.flowlog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.agentvm.libvirt.internal.capture.Tap;
import dev.agentvm.libvirt.internal.capture.Taps;
import dev.agentvm.libvirt.internal.nativeaccess.PacketSocket.Frame;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipal;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class FlowLogServerTest {
    private static final UUID MINE = new UUID(1, 2);
    private static final UUID OF_ANOTHER = new UUID(3, 4);
    private static final UUID BUSY = new UUID(5, 6);

    @TempDir
    Path directory;

    private final Queue<Frame> frames = new ConcurrentLinkedQueue<>();
    private final AtomicLong lost = new AtomicLong();
    private final AtomicBoolean gone = new AtomicBoolean();
    private final AtomicLong open = new AtomicLong();
    private final List<AutoCloseable> closing = new ArrayList<>();

    private Path path() {
        return directory.resolve("s");
    }

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable open : closing) {
            open.close();
        }
    }

    private FlowLogServer serve(Predicate<UserPrincipal> allowed) throws IOException {
        UserPrincipal me = Files.getOwner(directory);
        TapAccess access = (vm, user) -> user.equals(me) && !vm.equals(OF_ANOTHER)
                ? Optional.of(vm.equals(BUSY) ? "busy" : "t")
                : Optional.empty();
        FlowLogServer server = FlowLogServer.listen(path(), FakeTaps::new, access, allowed);
        closing.add(server);
        Thread thread = new Thread(() -> {
            try {
                server.run();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        thread.setDaemon(true);
        thread.start();
        return server;
    }

    private ServiceTaps program() {
        ServiceTaps taps = new ServiceTaps(path());
        closing.add(taps);
        return taps;
    }

    /** What is there to be read is {@link #frames}; of a busy tap it has no end. */
    private final class FakeTaps implements Taps {
        @Override
        public Tap open(UUID vm, String name) {
            open.incrementAndGet();
            return new FakeTap(name.equals("busy"));
        }

        @Override
        public List<Tap> await(List<Tap> taps, int timeoutMillis) {
            LockSupport.parkNanos(100_000);
            return taps;
        }

        @Override
        public void close() {
            // It has nothing.
        }
    }

    private final class FakeTap implements Tap {
        private final boolean busy;

        FakeTap(boolean busy) {
            this.busy = busy;
        }

        @Override
        public Frame receive() {
            return busy ? frame("x".repeat(1000)) : frames.poll();
        }

        @Override
        public long takeLost() {
            return lost.getAndSet(0);
        }

        @Override
        public boolean isGone() {
            return gone.get() && !busy;
        }

        @Override
        public boolean lags() {
            return false;
        }

        @Override
        public void close() {
            open.decrementAndGet();
        }
    }

    private static Frame frame(String text) {
        return new Frame(ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII)), false, Optional.empty());
    }

    private static Frame next(ServiceTaps program, Tap tap) throws IOException {
        while (true) {
            Frame frame = tap.receive();
            if (frame != null) {
                return frame;
            }
            if (tap.isGone()) {
                throw new AssertionError("the tap is gone");
            }
            List<Tap> unused = program.await(List.of(tap), 100);
        }
    }

    private static String text(Frame frame) {
        return StandardCharsets.US_ASCII.decode(frame.bytes()).toString();
    }

    @Test
    void tap_ofTheUsersVM_isShownWithItsLossesToItsEnd() throws IOException {
        serve(user -> true);
        ServiceTaps program = program();
        try (Tap tap = program.open(MINE, "ignored")) {
            frames.add(frame("one"));
            frames.add(new Frame(ByteBuffer.wrap(new byte[2048]), true, Optional.of(0x88a8)));

            assertThat(text(next(program, tap))).isEqualTo("one");
            Frame second = next(program, tap);
            assertThat(second.towards()).isTrue();
            assertThat(second.vlanProtocol()).contains(0x88a8);
            assertThat(second.bytes().remaining()).isEqualTo(2048);

            lost.set(7);
            Awaitility.await().until(() -> lost.get() == 0);
            frames.add(frame("after"));
            assertThat(text(next(program, tap))).isEqualTo("after");
            assertThat(tap.takeLost()).isEqualTo(7);
            assertThat(tap.takeLost()).isZero();
            assertThat(tap.lags()).isTrue();

            frames.add(frame("last"));
            gone.set(true);
            assertThat(text(next(program, tap))).isEqualTo("last");
            while (!tap.isGone()) {
                List<Tap> unused = program.await(List.of(tap), 100);
                assertThat(tap.receive()).isNull();
            }
            assertThat(tap.lags()).isFalse();
            assertThat(tap.receive()).isNull();
        }
    }

    @Test
    void tap_ofNoVMOfTheUser_isRefusedAndNotOpened() throws IOException {
        serve(user -> true);

        assertThatThrownBy(() -> program().open(OF_ANOTHER, "t"))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("has launched no VM " + OF_ANOTHER);
        assertThat(open.get()).isZero();
    }

    @Test
    void user_whoIsNotServed_isRefused() throws IOException {
        serve(user -> false);

        assertThatThrownBy(() -> program().open(MINE, "t"))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("not among those");
    }

    @Test
    void service_thatIsNotThere_isAnErrorAtOnce() {
        assertThatThrownBy(() -> program().open(MINE, "t")).isInstanceOf(IOException.class);
    }

    @Test
    void socket_maybeUsedByItsOwnerAndGroupAlone() throws IOException {
        serve(user -> true);
        assertThat(Files.getPosixFilePermissions(path()).toString()).doesNotContain("OTHERS");
    }

    private SocketChannel raw() throws IOException {
        SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(path()));
        closing.add(channel);
        return channel;
    }

    /** All that the service says until it hangs up. */
    private static String answer(SocketChannel channel) throws IOException {
        ByteArrayOutputStream answer = new ByteArrayOutputStream();
        try {
            Channels.newInputStream(channel).transferTo(answer);
        } catch (IOException e) {
            // It hung up before it had read all.
        }
        return answer.toString(StandardCharsets.UTF_8);
    }

    @Test
    void request_ofGarbage_isRefused() throws IOException {
        serve(user -> true);
        for (int length : new int[] {Wire.REQUEST_BYTES, 5_000}) {
            SocketChannel channel = raw();
            int unused = channel.write(ByteBuffer.allocate(length));
            assertThat(answer(channel)).contains("no request");
        }
        assertThat(open.get()).isZero();
    }

    @Test
    void request_thatEndsEarly_isRefused() throws IOException {
        serve(user -> true);
        SocketChannel channel = raw();
        int unused = channel.write(Wire.request(MINE).limit(9));
        channel.shutdownOutput();
        assertThat(answer(channel)).contains("no request");
    }

    @Test
    void programs_thatSayNothing_leaveRoomForNobodyElseOfTheirUserOnly() throws IOException {
        serve(user -> true);
        for (int i = 0; i < FlowLogServer.MOST_OF_A_USER; i++) {
            raw();
        }
        assertThatThrownBy(() -> program().open(MINE, "t"))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("which is all that one gets");
    }

    @Test
    void program_thatDoesNotRead_holdsUpNobody() throws IOException {
        serve(user -> true);
        Tap unread = program().open(BUSY, "busy");
        ServiceTaps reader = program();
        try (Tap tap = reader.open(MINE, "t")) {
            for (int i = 0; i < 1_000; i++) {
                frames.add(frame("n" + i));
                assertThat(text(next(reader, tap))).isEqualTo("n" + i);
            }
        }
        unread.close();
    }

    @Test
    void program_thatHangsUp_isForgotten() throws IOException {
        serve(user -> true);
        for (int i = 0; i < FlowLogServer.MOST_OF_A_USER + 3; i++) {
            program().open(BUSY, "busy").close();
            Awaitility.await().until(() -> open.get() == 0);
        }
    }

    @Test
    void service_thatEnds_isNotTakenForAQuietTap() throws IOException {
        FlowLogServer server = serve(user -> true);
        ServiceTaps program = program();
        try (Tap tap = program.open(MINE, "t")) {
            server.close();
            assertThatThrownBy(() -> next(program, tap))
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessageContaining("flow log service");
        }
    }

    @Test
    void service_thatTalksNonsense_isAnError() throws Exception {
        ServerSocketChannel nonsense = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        closing.add(nonsense);
        nonsense.bind(UnixDomainSocketAddress.of(path()));
        Thread thread = new Thread(() -> {
            try {
                SocketChannel program = nonsense.accept();
                ByteBuffer accepted = ByteBuffer.allocate(6);
                Wire.put(accepted, Wire.Type.ACCEPTED);
                int unused = program.write(accepted.put(new byte[] {2, -1, -1}).flip());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        thread.start();
        ServiceTaps program = program();
        try (Tap tap = program.open(MINE, "t")) {
            assertThatThrownBy(() -> next(program, tap))
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessageContaining("65535 bytes");
        }
        thread.join();
    }
}
