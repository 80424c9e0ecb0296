package dev.agentvm.monitor;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.time.Clock;
import java.time.Instant;
import org.jspecify.annotations.NullMarked;

@AnalyzeClasses(packages = "dev.agentvm.monitor", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
    @ArchTest
    static final ArchRule theMonitorKnowsTheApiAlone = classes()
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage(
                    "java..",
                    "dev.agentvm",
                    "dev.agentvm.event",
                    "dev.agentvm.network",
                    "dev.agentvm.monitor..",
                    "com.fasterxml.jackson.core..",
                    "org.jspecify.annotations",
                    "org.immutables.value",
                    "org.slf4j");

    @ArchTest
    static final ArchRule onlyTheAuditLogKnowsJson = noClasses()
            .that()
            .resideOutsideOfPackage("dev.agentvm.monitor.audit")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("com.fasterxml..");

    @ArchTest
    static final ArchRule packagesKnowEachOtherInOneDirection =
            slices().matching("dev.agentvm.(**)").should().beFreeOfCycles();

    @ArchTest
    static final ArchRule detectorsAskNoClock = noClasses()
            .that()
            .resideInAPackage("dev.agentvm.monitor")
            .and()
            .haveNameNotMatching(".*\\.Responder(\\$.*)?")
            .should()
            .callMethod(Instant.class, "now")
            .orShould()
            .callMethod(System.class, "currentTimeMillis")
            .orShould()
            .callMethod(System.class, "nanoTime")
            .orShould()
            .dependOnClassesThat()
            .areAssignableTo(Clock.class);

    @ArchTest
    static final ArchRule packagesAreNullMarked =
            classes().that().haveSimpleName("package-info").should().beAnnotatedWith(NullMarked.class);
}
