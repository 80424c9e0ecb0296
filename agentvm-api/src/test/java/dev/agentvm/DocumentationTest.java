package dev.agentvm;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.ModifiersTree;
import com.sun.source.tree.Tree;
import com.sun.source.tree.VariableTree;
import com.sun.source.util.DocTrees;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePath;
import com.sun.source.util.TreePathScanner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import javax.lang.model.element.Modifier;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Whoever uses the api reads its Javadoc: each public thing has some, and each type says what threads may do. */
class DocumentationTest {
    private static final Path SOURCES = Path.of("src", "main", "java");

    /** Types that carry no state of their own have nothing to say of threads. */
    private static final Set<Tree.Kind> STATELESS = Set.of(Tree.Kind.ENUM, Tree.Kind.ANNOTATION_TYPE);

    private final List<String> undocumented = new ArrayList<>();
    private final List<String> silentOnThreads = new ArrayList<>();
    private int documented;

    @Test
    void publicApi_everyTypeAndMember_isDocumented() throws IOException {
        scan();
        assertThat(undocumented).as("public and without Javadoc").isEmpty();
        assertThat(documented).isGreaterThan(200);
    }

    @Test
    void publicApi_everyClassWithState_saysWhatThreadsMayDo() throws IOException {
        scan();
        assertThat(silentOnThreads).as("silent on threads").isEmpty();
    }

    private void scan() throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null);
                Stream<Path> tree = Files.walk(SOURCES)) {
            List<Path> sources = tree.filter(path -> path.toString().endsWith(".java"))
                    .filter(path -> !path.endsWith("module-info.java"))
                    .toList();
            JavacTask task = (JavacTask) compiler.getTask(
                    null, files, null, List.of("-proc:none"), null, files.getJavaFileObjectsFromPaths(sources));
            DocTrees docs = DocTrees.instance(task);
            for (CompilationUnitTree unit : task.parse()) {
                new Members(docs).scan(unit, null);
            }
        }
    }

    private final class Members extends TreePathScanner<@Nullable Void, @Nullable Void> {
        private final DocTrees docs;

        Members(DocTrees docs) {
            this.docs = docs;
        }

        @Override
        public @Nullable Void visitClass(ClassTree type, @Nullable Void unused) {
            if (!isPublic(type.getModifiers())) {
                return null;
            }
            String doc = check(type.getSimpleName().toString());
            boolean exception = type.getSimpleName().toString().endsWith("Exception");
            boolean stateless = STATELESS.contains(type.getKind()) || type.getKind() == Tree.Kind.INTERFACE;
            if (!exception && !stateless && !saysThreads(doc)) {
                silentOnThreads.add(type.getSimpleName().toString());
            }
            return super.visitClass(type, null);
        }

        @Override
        public @Nullable Void visitMethod(MethodTree method, @Nullable Void unused) {
            boolean overrides = method.getModifiers().getAnnotations().stream()
                    .anyMatch(annotation ->
                            annotation.getAnnotationType().toString().equals("Override"));
            boolean generated =
                    docs.getSourcePositions().getEndPosition(getCurrentPath().getCompilationUnit(), method) < 0;
            if (!overrides && !generated && isPublic(method.getModifiers())) {
                check(owner() + "." + method.getName());
            }
            return null;
        }

        @Override
        public @Nullable Void visitVariable(VariableTree field, @Nullable Void unused) {
            if (isPublic(field.getModifiers())) {
                check(owner() + "." + field.getName());
            }
            return null;
        }

        private String check(String what) {
            String doc = docs.getDocComment(getCurrentPath());
            if (doc == null || doc.isBlank()) {
                undocumented.add(what);
                return "";
            }
            documented++;
            return doc;
        }

        private boolean isPublic(ModifiersTree modifiers) {
            Set<Modifier> flags = modifiers.getFlags();
            return flags.contains(Modifier.PUBLIC)
                    || flags.contains(Modifier.PROTECTED)
                    || (inInterface() && !flags.contains(Modifier.PRIVATE));
        }

        private boolean inInterface() {
            TreePath parent = getCurrentPath().getParentPath();
            return parent != null && parent.getLeaf().getKind() == Tree.Kind.INTERFACE;
        }

        private String owner() {
            return ((ClassTree) getCurrentPath().getParentPath().getLeaf())
                    .getSimpleName()
                    .toString();
        }

        private static boolean saysThreads(String doc) {
            return doc.contains("many threads") || doc.contains("thread-safe");
        }
    }
}
