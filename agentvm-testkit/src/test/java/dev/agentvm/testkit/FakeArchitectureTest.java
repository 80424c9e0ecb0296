package dev.agentvm.testkit;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

@AnalyzeClasses(packages = "dev.agentvm.testkit", importOptions = ImportOption.DoNotIncludeTests.class)
class FakeArchitectureTest {
    private static final String FAKE =
            "dev\\.agentvm\\.testkit\\.(Fake.*|Machine|Guest.*|VirtualTime|Exec.*|Reply|Responder|Command.*|Fault.*)(\\$.*)?";

    @ArchTest
    static final ArchRule theFakeNeedsNothingButTheApi = classes()
            .that()
            .haveNameMatching(FAKE)
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage(
                    "dev.agentvm",
                    "dev.agentvm.event",
                    "dev.agentvm.metrics",
                    "dev.agentvm.network",
                    "dev.agentvm.spi",
                    "dev.agentvm.pool",
                    "dev.agentvm.testkit",
                    "java..",
                    "org.jspecify..");

    @ArchTest
    static final ArchRule theFakeJudgesByThePolicyAndNotByTheSimulator = noClasses()
            .that()
            .haveNameMatching(FAKE)
            .should()
            .dependOnClassesThat()
            .haveNameMatching(
                    "dev\\.agentvm\\.testkit\\.(NwfilterSimulator|NwfilterException|Simulation|Packet|Nic|Judgement)(\\$.*)?");

    @ArchTest
    static final ArchRule theTestkitDoesNotKnowLibvirt =
            noClasses().should().dependOnClassesThat().resideInAnyPackage("dev.agentvm.libvirt..", "org.libvirt..");
}
