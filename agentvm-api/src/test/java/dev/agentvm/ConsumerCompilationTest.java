package dev.agentvm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.StringWriter;
import java.lang.module.Configuration;
import java.lang.module.ModuleFinder;
import java.lang.reflect.Method;
import java.net.MalformedURLException;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;

/** What a host application's compiler says, given nothing but what this module publishes, and all warnings as errors. */
class ConsumerCompilationTest {
    private static final String MODULE = "module consumer { requires dev.agentvm.api; exports consumer; }";
    private static final String CONSUMER = """
            package consumer;

            import dev.agentvm.*;
            import dev.agentvm.network.*;
            import java.time.Duration;
            import java.util.Map;

            public final class Consumer {
                private Consumer() {}

                public static String use() {
                    VMTemplate template = new VMTemplate.Builder().name("vm").build();
                    VMTemplate other = template.withName("other")
                            .withResources(Resources.light().withVcpus(3))
                            .withTimeToLive(Duration.ofHours(1))
                            .withLabels(Map.of("team", "a"));
                    VMTemplate third = other.toBuilder().putLabel("k", "v").name("third").build();
                    NetworkPolicy policy = NetworkPolicy.agentDefault().toBuilder()
                            .addRule(FilterRule.allow().tcp(5432).to("10.20.0.7/32").because("the test database"))
                            .build();
                    Verdict verdict = policy.evaluate(Flow.tcp("10.20.0.7", 5432));
                    Command command = new Command.Builder().addArgv("cat").stdin((byte) 'x').build();
                    ExecResult result = new ExecResult.Builder()
                            .exitCode(0)
                            .stdout(command.stdin())
                            .stderr()
                            .duration(Duration.ZERO)
                            .build();
                    LaunchOptions options = LaunchOptions.standard().withListener((step, time) -> {});
                    String mode = switch (third.networkMode()) {
                        case NetworkMode.Standard standard -> standard.name();
                        case NetworkMode.Bridge bridge -> bridge.name();
                    };
                    try {
                        new VMTemplate.Builder().name("<vm>").build();
                    } catch (InvalidTemplateException e) {
                        return third.name() + " " + verdict.outcome() + " " + result.stdoutText() + " " + mode + " "
                                + e.field().orElse("?") + " " + options.detached();
                    }
                    return "accepted <vm>";
                }
            }
            """;
    /** Java 17 has no patterns in switch. */
    private static final String CONSUMER_17 = CONSUMER.replaceAll(
            "(?s)switch \\(third.*?\\};",
            "third.networkMode() == NetworkMode.NAT_FILTERED ? \"NAT_FILTERED\" : \"?\";");

    @TempDir
    Path folder;

    private static Path published(Class<?> type) throws URISyntaxException {
        return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
    }

    private String compile(List<String> options, String... sources) throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        List<Path> files = new ArrayList<>();
        for (String source : sources) {
            String name = source.startsWith("module") ? "module-info.java" : "Consumer.java";
            files.add(Files.writeString(folder.resolve(name), source));
        }
        List<String> all = new ArrayList<>(
                List.of("-Xlint:all", "-Werror", "-d", folder.resolve("out").toString()));
        all.addAll(options);
        StringWriter said = new StringWriter();
        try (StandardJavaFileManager manager = compiler.getStandardFileManager(null, null, null)) {
            boolean good = compiler.getTask(said, manager, null, all, null, manager.getJavaFileObjectsFromPaths(files))
                    .call();
            return said + (good ? "" : "FAILED");
        }
    }

    private String run() throws Exception {
        URL[] path = Stream.of(folder.resolve("out"), published(VMTemplate.class))
                .map(ConsumerCompilationTest::url)
                .toArray(URL[]::new);
        try (URLClassLoader loader = new URLClassLoader(path, ClassLoader.getPlatformClassLoader())) {
            Method use = loader.loadClass("consumer.Consumer").getMethod("use");
            return String.valueOf(use.invoke(null));
        }
    }

    private static String paths(Class<?>... types) throws URISyntaxException {
        List<String> paths = new ArrayList<>();
        for (Class<?> type : types) {
            paths.add(published(type).toString());
        }
        return String.join(File.pathSeparator, paths);
    }

    private static URL url(Path path) {
        try {
            return path.toUri().toURL();
        } catch (MalformedURLException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void consumer_onTheClassPathWithTheApiAlone_compilesAndRuns() throws Exception {
        String said = compile(
                List.of(
                        "--release",
                        "17",
                        "-classpath",
                        published(VMTemplate.class).toString()),
                CONSUMER_17);
        assertThat(said).isEmpty();
        assertThat(run()).isEqualTo("third ALLOWED x NAT_FILTERED name false");
    }

    @Test
    void consumer_withTheNullAnnotationsThatComeAlong_compilesOnBothPaths() throws Exception {
        String both = paths(VMTemplate.class, NullMarked.class, Logger.class);
        assertThat(compile(List.of("--release", "17", "-classpath", both), CONSUMER_17))
                .isEmpty();
        assertThat(compile(List.of("--release", "17", "--module-path", both), MODULE, CONSUMER_17))
                .isEmpty();
    }

    @Test
    void consumer_compiledAsAModule_runsWithTheApiAndWhatItLogsTo() throws Exception {
        String both = paths(VMTemplate.class, NullMarked.class, Logger.class);
        assertThat(compile(List.of("--release", "17", "--module-path", both), MODULE, CONSUMER_17))
                .isEmpty();
        Configuration modules = ModuleLayer.boot()
                .configuration()
                .resolve(
                        ModuleFinder.of(folder.resolve("out"), published(VMTemplate.class), published(Logger.class)),
                        ModuleFinder.of(),
                        Set.of("consumer"));
        ModuleLayer layer =
                ModuleLayer.boot().defineModulesWithOneLoader(modules, ClassLoader.getPlatformClassLoader());
        assertThat(layer.modules())
                .extracting(Module::getName)
                .containsExactlyInAnyOrder("consumer", "dev.agentvm.api", "org.slf4j");
        Class<?> consumer = layer.findLoader("consumer").loadClass("consumer.Consumer");
        assertThat(consumer.getMethod("use").invoke(null)).isEqualTo("third ALLOWED x NAT_FILTERED name false");
    }

    @Test
    void consumer_onANewerJava_switchesOverTheModesWithoutDefault() throws Exception {
        if (Runtime.version().feature() < 21) {
            return;
        }
        assertThat(compile(
                        List.of(
                                "--release",
                                "21",
                                "-classpath",
                                published(VMTemplate.class).toString()),
                        CONSUMER))
                .isEmpty();
        assertThat(run()).isEqualTo("third ALLOWED x NAT_FILTERED name false");
    }

    @Test
    void consumer_thatReachesIntoTheApi_isRefused() throws Exception {
        String reachesIn = CONSUMER_17.replace(
                "public static String use() {", "ImmutableVMTemplate hidden; public static String use() {");
        assertThat(compile(List.of("-classpath", published(VMTemplate.class).toString()), reachesIn))
                .contains("ImmutableVMTemplate")
                .endsWith("FAILED");
        String extended = CONSUMER_17.replace(
                "public final class Consumer {", "final class Mine extends Resources {} public final class Consumer {");
        assertThat(compile(List.of("-classpath", published(VMTemplate.class).toString()), extended))
                .endsWith("FAILED");
    }
}
