package dev.agentvm.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.agentvm.Hypervisor;
import dev.agentvm.HypervisorUnavailableException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HypervisorProviderTest {
    @TempDir
    Path folder;

    /** What a loader finds that sees these services and all else that the tests see. */
    private Optional<HypervisorProvider> findAmong(String... providers) throws IOException {
        Path services = Files.createDirectories(folder.resolve("META-INF/services"));
        Files.write(services.resolve(HypervisorProvider.class.getName()), List.of(providers));
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        try (URLClassLoader loader = new URLClassLoader(
                new URL[] {folder.toUri().toURL()}, getClass().getClassLoader())) {
            thread.setContextClassLoader(loader);
            return HypervisorProvider.find();
        } finally {
            thread.setContextClassLoader(before);
        }
    }

    @Test
    void find_oneProviderInTheContextLoader_givesIt() throws IOException {
        assertThat(findAmong(First.class.getName()))
                .hasValueSatisfying(found -> assertThat(found).isInstanceOf(First.class));
    }

    @Test
    void find_noProvider_isEmpty() {
        assertThat(HypervisorProvider.find()).isEmpty();
    }

    @Test
    void find_withoutAContextLoader_asksTheLibrarysOwn() {
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        thread.setContextClassLoader(null);
        try {
            assertThat(HypervisorProvider.find()).isEmpty();
        } finally {
            thread.setContextClassLoader(before);
        }
    }

    @Test
    void find_twoProviders_namesBoth() {
        assertThatExceptionOfType(HypervisorUnavailableException.class)
                .isThrownBy(() -> findAmong(First.class.getName(), Second.class.getName()))
                .withMessageContainingAll("first (" + First.class.getName(), "second (" + Second.class.getName());
    }

    @Test
    void find_providerThatIsNotThere_namesIt() {
        assertThatExceptionOfType(HypervisorUnavailableException.class)
                .isThrownBy(() -> findAmong("com.example.Nowhere"))
                .withMessageContaining("com.example.Nowhere");
    }

    /** A provider by that name, which nobody connects. */
    abstract static class Named implements HypervisorProvider {
        private final String name;

        Named(String name) {
            this.name = name;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public Optional<String> inability() {
            return Optional.of("there is nothing behind it");
        }

        @Override
        public Hypervisor connect() {
            throw new UncheckedIOException(new IOException("there is nothing behind it"));
        }
    }

    /** One of two. */
    public static final class First extends Named {
        /** For the service loader. */
        public First() {
            super("first");
        }
    }

    /** The other. */
    public static final class Second extends Named {
        /** For the service loader. */
        public Second() {
            super("second");
        }
    }
}
