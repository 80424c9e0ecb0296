package dev.agentvm;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.constructors;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.io.Serializable;
import java.net.InetAddress;
import org.jspecify.annotations.NullMarked;

@AnalyzeClasses(packages = "dev.agentvm", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
    private static final DescribedPredicate<JavaClass> MUTABLE_ON_PURPOSE = DescribedPredicate.describe(
            "builders and drafts", type -> type.getSimpleName().matches("Builder|Draft|InitShim"));

    private static final DescribedPredicate<JavaClass> VALUES = DescribedPredicate.describe(
            "public abstract classes",
            type -> type.getModifiers().contains(JavaModifier.PUBLIC)
                    && type.getModifiers().contains(JavaModifier.ABSTRACT)
                    && !type.isInterface());

    @ArchTest
    static final ArchRule the_api_needs_nothing_but_java_and_a_few_annotations = classes()
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage(
                    "java..",
                    "dev.agentvm",
                    "dev.agentvm.cloudinit",
                    "dev.agentvm.event",
                    "dev.agentvm.metrics",
                    "dev.agentvm.network",
                    "dev.agentvm.pool",
                    "dev.agentvm.spi",
                    "org.jspecify.annotations",
                    "org.immutables.value",
                    "org.slf4j");

    @ArchTest
    static final ArchRule network_and_cloudinit_know_of_the_rest_only_how_to_refuse = noClasses()
            .that()
            .resideInAnyPackage("dev.agentvm.network", "dev.agentvm.cloudinit")
            .should()
            .dependOnClassesThat(DescribedPredicate.describe(
                    "live in dev.agentvm and are no exceptions",
                    type -> type.getPackageName().equals("dev.agentvm") && !type.isAssignableTo(Throwable.class)));

    @ArchTest
    static final ArchRule nothing_else_knows_the_pool = noClasses()
            .that()
            .resideOutsideOfPackage("dev.agentvm.pool")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("dev.agentvm.pool");

    @ArchTest
    static final ArchRule everything_but_builders_queues_and_the_pool_is_immutable = fields().that()
            .areDeclaredInClassesThat(DescribedPredicate.not(MUTABLE_ON_PURPOSE))
            .and()
            .areDeclaredInClassesThat()
            .resideOutsideOfPackages("dev.agentvm.pool", "dev.agentvm.spi")
            .and()
            .areDeclaredInClassesThat()
            .areNotAssignableTo(Throwable.class)
            .and()
            .doNotHaveName("initShim")
            .should()
            .beFinal();

    @ArchTest
    static final ArchRule nothing_public_is_a_field_that_changes =
            fields().that().arePublic().should().beStatic().andShould().beFinal();

    @ArchTest
    static final ArchRule nobody_else_extends_a_value =
            constructors().that().areDeclaredInClassesThat(VALUES).should().bePackagePrivate();

    @ArchTest
    static final ArchRule public_classes_are_final_or_closed = classes()
            .that()
            .arePublic()
            .and()
            .areNotInterfaces()
            .and()
            .areNotAssignableTo(AgentVMException.class)
            .and(DescribedPredicate.not(VALUES))
            .should()
            .haveModifier(JavaModifier.FINAL);

    @ArchTest
    static final ArchRule failures_have_one_root_and_survive_serialisation = classes()
            .that()
            .areAssignableTo(Throwable.class)
            .should()
            .beAssignableTo(AgentVMException.class)
            .andShould()
            .beAssignableTo(Serializable.class)
            .andShould()
            .bePublic()
            .andShould()
            .haveSimpleNameEndingWith("Exception");

    @ArchTest
    static final ArchRule no_name_is_looked_up = noClasses()
            .should()
            .callMethod(InetAddress.class, "getByName", String.class)
            .orShould()
            .callMethod(InetAddress.class, "getAllByName", String.class);

    @ArchTest
    static final ArchRule values_ask_no_clock = noClasses()
            .that()
            .resideOutsideOfPackages("dev.agentvm.pool", "dev.agentvm.spi")
            .should()
            .callMethod(System.class, "currentTimeMillis")
            .orShould()
            .callMethod(System.class, "nanoTime");

    @ArchTest
    static final ArchRule nothing_is_printed =
            noClasses().should().accessField(System.class, "out").orShould().accessField(System.class, "err");

    @ArchTest
    static final ArchRule packages_are_null_marked =
            classes().that().haveSimpleName("package-info").should().beAnnotatedWith(NullMarked.class);
}
