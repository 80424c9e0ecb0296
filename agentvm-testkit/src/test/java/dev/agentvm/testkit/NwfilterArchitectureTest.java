package dev.agentvm.testkit;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

@AnalyzeClasses(packages = "dev.agentvm.testkit", importOptions = ImportOption.DoNotIncludeTests.class)
class NwfilterArchitectureTest {
    @ArchTest
    static final ArchRule simulatorSharesNothingWithThePolicy = noClasses()
            .that()
            .resideInAPackage("dev.agentvm.testkit.internal.nwfilter")
            .or()
            .haveNameMatching(
                    "dev\\.agentvm\\.testkit\\.(NwfilterSimulator|NwfilterException|Simulation|Packet|Nic|Judgement)(\\$.*)?")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("dev.agentvm.network..", "dev.agentvm.libvirt..", "dev.agentvm.pool..");

    @ArchTest
    static final ArchRule simulatorNeedsNothingButTheJdkAndItsExceptions = classes()
            .that()
            .resideInAPackage("dev.agentvm.testkit.internal.nwfilter")
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage(
                    "dev.agentvm",
                    "dev.agentvm.testkit",
                    "dev.agentvm.testkit.internal.nwfilter",
                    "java..",
                    "javax.xml..",
                    "org.w3c.dom..",
                    "org.xml.sax..",
                    "org.jspecify..");
}
