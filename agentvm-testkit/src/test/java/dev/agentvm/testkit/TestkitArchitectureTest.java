package dev.agentvm.testkit;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** Who uses the fake alone needs none of the test libraries. */
@AnalyzeClasses(packages = "dev.agentvm.testkit", importOptions = ImportOption.DoNotIncludeTests.class)
class TestkitArchitectureTest {
    private static final String HERE = "dev.agentvm.testkit.";

    @ArchTest
    static final ArchRule onlyTheLawsKnowJqwik = noClasses()
            .that()
            .resideOutsideOfPackage(HERE + "laws..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("net.jqwik..");

    @ArchTest
    static final ArchRule onlyTheAssertionsKnowAssertJ = noClasses()
            .that()
            .resideOutsideOfPackage(HERE + "assertions..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("org.assertj..");

    @ArchTest
    static final ArchRule onlyTheExtensionAndTheContractKnowJUnit = noClasses()
            .that()
            .resideOutsideOfPackage(HERE + "junit..")
            .and()
            .doNotHaveFullyQualifiedName(HypervisorContract.class.getName())
            .and()
            .doNotHaveFullyQualifiedName(HypervisorContract.class.getName() + "$1")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.junit..", "org.opentest4j..");

    @ArchTest
    static final ArchRule theTestkitKnowsNoRealHypervisor =
            noClasses().should().dependOnClassesThat().resideInAPackage("dev.agentvm.libvirt..");
}
