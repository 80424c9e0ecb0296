package dev.agentvm.libvirt;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** Who may know whom in this module. */
@AnalyzeClasses(packages = "dev.agentvm", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
    private static final String INTERNAL = "dev.agentvm.libvirt.internal.";

    @ArchTest
    static final ArchRule onlyNativeaccessKnowsJna = noClasses()
            .that()
            .resideOutsideOfPackage(INTERNAL + "nativeaccess..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("com.sun.jna..");

    @ArchTest
    static final ArchRule onlyTheConnectionKnowsLibvirtJava = noClasses()
            .that()
            .resideOutsideOfPackages(INTERNAL + "nativeaccess..", INTERNAL + "connection..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("org.libvirt..");

    @ArchTest
    static final ArchRule onlyXmlKnowsJaxb = noClasses()
            .that()
            .resideOutsideOfPackage(INTERNAL + "xml..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("jakarta.xml.bind..");

    @ArchTest
    static final ArchRule onlyTheAgentAndTheSeedAreJson = noClasses()
            .that()
            .resideInAPackage("dev.agentvm.libvirt..")
            .and()
            .resideOutsideOfPackages(INTERNAL + "guest..", INTERNAL + "seed..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("com.fasterxml..");

    @ArchTest
    static final ArchRule lowerPackagesDoNotKnowTheLaunch = noClasses()
            .that()
            .resideInAnyPackage(
                    INTERNAL + "xml..",
                    INTERNAL + "nativeaccess..",
                    INTERNAL + "connection..",
                    INTERNAL + "guest..",
                    INTERNAL + "files..",
                    INTERNAL + "journal..",
                    INTERNAL + "seed..",
                    INTERNAL + "storage..",
                    INTERNAL + "network..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(INTERNAL + "domain..", "dev.agentvm.libvirt");

    @ArchTest
    static final ArchRule xmlKnowsNoOtherPackageOfThisModule = classes()
            .that()
            .resideInAPackage(INTERNAL + "xml..")
            .should()
            .onlyDependOnClassesThat()
            .resideOutsideOfPackages(
                    INTERNAL + "connection..",
                    INTERNAL + "guest..",
                    INTERNAL + "journal..",
                    INTERNAL + "storage..",
                    INTERNAL + "network..",
                    INTERNAL + "nativeaccess..");

    @ArchTest
    static final ArchRule theApiKnowsNoImplementation = noClasses()
            .that()
            .resideInAnyPackage("dev.agentvm", "dev.agentvm.network", "dev.agentvm.spi")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("dev.agentvm.libvirt..");
}
