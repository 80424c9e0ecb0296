package dev.agentvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.agentvm.VMTemplate;
import java.io.File;
import java.io.StringWriter;
import java.lang.module.Configuration;
import java.lang.module.ModuleFinder;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;

/** The fake serves programs that have neither JUnit nor AssertJ nor jqwik. */
class ConsumerTest {
    private static final String MODULE = "module consumer { requires dev.agentvm.testkit; exports consumer; }";
    private static final String CONSUMER = """
            package consumer;

            import dev.agentvm.*;
            import dev.agentvm.testkit.*;

            public final class Consumer {
                private Consumer() {}

                public static String use() {
                    try (FakeHypervisor hypervisor = FakeHypervisor.create();
                            VM vm = hypervisor.launch(new VMTemplate.Builder().name("vm").build())) {
                        return vm.exec(Command.of("echo", "alone")).stdoutText();
                    }
                }
            }
            """;

    @TempDir
    Path folder;

    private static Path published(Class<?> type) throws URISyntaxException {
        return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
    }

    private String compile(String option, String path, String... sources) throws Exception {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        Path[] files = new Path[sources.length];
        for (int i = 0; i < sources.length; i++) {
            String name = sources[i].startsWith("module") ? "module-info.java" : "Consumer.java";
            files[i] = Files.writeString(folder.resolve(name), sources[i]);
        }
        StringWriter said = new StringWriter();
        List<String> options =
                List.of("-Xlint:all", "-Werror", "--release", "17", "-d", out().toString(), option, path);
        try (StandardJavaFileManager manager = compiler.getStandardFileManager(null, null, null)) {
            boolean good = compiler.getTask(said, manager, null, options, null, manager.getJavaFileObjects(files))
                    .call();
            return said + (good ? "" : "FAILED");
        }
    }

    private Path out() {
        return folder.resolve("out");
    }

    @Test
    void fake_onTheClassPathWithTheApiAlone_works() throws Exception {
        Path api = published(VMTemplate.class);
        Path testkit = published(FakeHypervisor.class);
        assertThat(compile("-classpath", api + File.pathSeparator + testkit, CONSUMER))
                .isEmpty();
        URL[] path = {
            out().toUri().toURL(), api.toUri().toURL(), testkit.toUri().toURL()
        };
        try (URLClassLoader loader = new URLClassLoader(path, ClassLoader.getPlatformClassLoader())) {
            assertThat(loader.loadClass("consumer.Consumer").getMethod("use").invoke(null))
                    .isEqualTo("alone\n");
        }
    }

    @Test
    void fake_asAModuleWithTheApiAndWhatItLogsTo_works() throws Exception {
        Path api = published(VMTemplate.class);
        Path testkit = published(FakeHypervisor.class);
        Path slf4j = published(Logger.class);
        String path = String.join(
                File.pathSeparator,
                api.toString(),
                testkit.toString(),
                slf4j.toString(),
                published(NullMarked.class).toString());
        assertThat(compile("--module-path", path, MODULE, CONSUMER)).isEmpty();
        Configuration modules = ModuleLayer.boot()
                .configuration()
                .resolve(ModuleFinder.of(out(), api, testkit, slf4j), ModuleFinder.of(), Set.of("consumer"));
        ModuleLayer layer =
                ModuleLayer.boot().defineModulesWithOneLoader(modules, ClassLoader.getPlatformClassLoader());
        assertThat(layer.modules())
                .extracting(Module::getName)
                .containsExactlyInAnyOrder("consumer", "dev.agentvm.api", "dev.agentvm.testkit", "org.slf4j");
        assertThat(layer.findLoader("consumer")
                        .loadClass("consumer.Consumer")
                        .getMethod("use")
                        .invoke(null))
                .isEqualTo("alone\n");
    }
}
