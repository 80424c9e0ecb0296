package dev.agentvm.libvirt.lab;

import dev.agentvm.Command;
import dev.agentvm.CopyListener;
import dev.agentvm.CopyOptions;
import dev.agentvm.Hypervisor;
import dev.agentvm.LaunchOptions;
import dev.agentvm.LaunchStep;
import dev.agentvm.VM;
import dev.agentvm.VMProcess;
import dev.agentvm.VMTemplate;
import dev.agentvm.cloudinit.CloudInit;
import dev.agentvm.pool.VMLease;
import dev.agentvm.pool.VMPool;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/**
 * When a program dies: at a step of a launch, which bears the name of that step, or in the midst of something else. What
 * the program itself cannot tell, as it waits for libvirt meanwhile, is seen on the host.
 */
enum Moment {
    HOST_CHECKED,
    NETWORK_READY,
    ADDRESS_RESERVED,
    DISK_MADE,
    POLICY_DEFINED,
    DOMAIN_CREATED,
    POLICY_VERIFIED,
    RESUMED,
    AGENT_READY,
    LAUNCHED {
        @Override
        void work(Hypervisor hypervisor, String name, Runnable reached) {
            hypervisor.launch(template(name), PATIENT);
            reached.run();
        }
    },
    EXEC {
        @Override
        void work(Hypervisor hypervisor, String name, Runnable reached) throws InterruptedException {
            VM vm = hypervisor.launch(template(name), PATIENT);
            try (VMProcess process = vm.start(Command.of("yes"))) {
                CompletableFuture<?> unused = CompletableFuture.runAsync(() -> vm.exec(Command.of("sleep", "1000")));
                while (!vm.exec(Command.of("pidof", "sleep")).success() && process.isAlive()) {
                    TimeUnit.MILLISECONDS.sleep(50);
                }
                reached.run();
            }
        }
    },
    COPY_IN {
        @Override
        void work(Hypervisor hypervisor, String name, Runnable reached) throws IOException {
            VM vm = hypervisor.launch(template(name), PATIENT);
            Path file = Files.createTempFile("agentvm-killed", "");
            try (RandomAccessFile big = new RandomAccessFile(file.toFile(), "rw")) {
                big.setLength(64L << 20);
            }
            CopyListener listener = (entries, bytes) -> {
                // The copy has it open.
                if (bytes > 0 && file.toFile().delete()) {
                    reached.run();
                }
            };
            vm.files()
                    .copyIn(
                            file,
                            "/tmp",
                            new CopyOptions.Builder().listener(listener).build());
        }
    },
    CLOSE_BEGUN(host -> true) {
        @Override
        void work(Hypervisor hypervisor, String name, Runnable reached) {
            VM vm = hypervisor.launch(template(name), PATIENT);
            reached.run();
            vm.close();
        }
    },
    FIRST_MEMORY_ANNOUNCED(host -> host.savedBytes(1) >= 0) {
        @Override
        void work(Hypervisor hypervisor, String name, Runnable reached) {
            reached.run();
            hypervisor.launch(template(name), RESETTABLE);
        }
    },
    FIRST_MEMORY_WRITTEN(host -> host.savedBytes(1) > 4 << 20) {
        @Override
        void work(Hypervisor hypervisor, String name, Runnable reached) {
            reached.run();
            hypervisor.launch(template(name), RESETTABLE);
        }
    },
    SNAPSHOT_BEGUN(host -> true) {
        @Override
        void work(Hypervisor hypervisor, String name, Runnable reached) {
            snapshot(hypervisor, name, reached);
        }
    },
    SNAPSHOT_ANNOUNCED(host -> host.savedBytes(2) >= 0) {
        @Override
        void work(Hypervisor hypervisor, String name, Runnable reached) {
            snapshot(hypervisor, name, reached);
        }
    },
    SNAPSHOT_WRITTEN(host -> host.savedBytes(2) > 4 << 20) {
        @Override
        void work(Hypervisor hypervisor, String name, Runnable reached) {
            snapshot(hypervisor, name, reached);
        }
    },
    RESTORE_BEGUN(host -> true) {
        @Override
        void work(Hypervisor hypervisor, String name, Runnable reached) {
            restore(hypervisor, name, reached);
        }
    },
    RESTORE_DOMAIN_DESTROYED(host -> !host.runs()) {
        @Override
        void work(Hypervisor hypervisor, String name, Runnable reached) {
            restore(hypervisor, name, reached);
        }
    },
    RESTORED {
        @Override
        void work(Hypervisor hypervisor, String name, Runnable reached) {
            restore(hypervisor, name, () -> {});
            reached.run();
        }
    },
    RESET_BEGUN(host -> true) {
        @Override
        void work(Hypervisor hypervisor, String name, Runnable reached) {
            reset(hypervisor, name, reached);
        }
    },
    RESET_DOMAIN_DESTROYED(host -> !host.runs()) {
        @Override
        void work(Hypervisor hypervisor, String name, Runnable reached) {
            reset(hypervisor, name, reached);
        }
    },
    RESET {
        @Override
        void work(Hypervisor hypervisor, String name, Runnable reached) {
            reset(hypervisor, name, () -> {});
            reached.run();
        }
    },
    POOL_REFILL {
        @Override
        void work(Hypervisor hypervisor, String name, Runnable reached) {
            VMPool pool = pool(hypervisor, name, 1);
            pool.acquire(PATIENCE).close();
            reached.run();
        }
    },
    POOL_RESET {
        @Override
        void work(Hypervisor hypervisor, String name, Runnable reached) {
            VMPool pool = pool(hypervisor, name, 10);
            pool.acquire(PATIENCE).close();
            reached.run();
        }
    },
    POOL_CLOSE_BEGUN(host -> true) {
        @Override
        void work(Hypervisor hypervisor, String name, Runnable reached) {
            VMPool pool = pool(hypervisor, name, 1);
            VMLease unused = pool.acquire(PATIENCE);
            reached.run();
            pool.close();
        }
    };

    /** Many guests are emulated at the same time. */
    private static final Duration PATIENCE = Duration.ofMinutes(10);

    private static final LaunchOptions PATIENT = LaunchOptions.standard().withTimeout(PATIENCE);
    private static final LaunchOptions RESETTABLE = PATIENT.withResettable(true);

    private final Optional<Predicate<HostEye>> sight;

    /** One at which the program can stand still. */
    Moment() {
        sight = Optional.empty();
    }

    /** One that comes while the program goes on from what it has told. */
    Moment(Predicate<HostEye> sight) {
        this.sight = Optional.of(sight);
    }

    boolean canStandStill() {
        return sight.isEmpty();
    }

    /** Whether it has come, once the program has said that it is near. */
    boolean isSeen(HostEye host) {
        return sight.map(seen -> seen.test(host)).orElse(true);
    }

    /** Works. What is given is run at the moment, or when the moment is near and will be seen on the host. */
    void work(Hypervisor hypervisor, String name, Runnable reached) throws Exception {
        LaunchStep at = LaunchStep.valueOf(name());
        LaunchOptions options = PATIENT.withListener((step, time) -> {
            if (step == at) {
                reached.run();
            }
        });
        hypervisor.launch(template(name), options);
    }

    /** With a seed, so that a launch makes all that one can. */
    private static VMTemplate template(String name) {
        return Lab.tiny(name).withCloudInit(new CloudInit.Builder().build());
    }

    private static void snapshot(Hypervisor hypervisor, String name, Runnable before) {
        VM vm = hypervisor.launch(template(name), RESETTABLE);
        before.run();
        vm.snapshot("base");
    }

    private static void restore(Hypervisor hypervisor, String name, Runnable before) {
        VM vm = hypervisor.launch(template(name), RESETTABLE);
        vm.snapshot("base");
        before.run();
        vm.restore("base");
    }

    private static void reset(Hypervisor hypervisor, String name, Runnable before) {
        VM vm = hypervisor.launch(template(name), RESETTABLE);
        before.run();
        vm.reset();
    }

    private static VMPool pool(Hypervisor hypervisor, String name, int uses) {
        return new VMPool.Builder(hypervisor, template(name))
                .min(1)
                .max(2)
                .maxUses(uses)
                .launchOptions(PATIENT)
                .open();
    }
}
