package dev.agentvm.examples.harness;

/** Shows a guest's output. What a guest writes may be meant for the terminal, so control characters are left out. */
final class Terminal implements Appendable {
    @Override
    public Appendable append(CharSequence text) {
        StringBuilder shown = new StringBuilder();
        text.chars()
                .filter(c -> c == '\n' || c == '\t' || !Character.isISOControl(c))
                .forEach(c -> shown.append((char) c));
        System.out.print(shown);
        System.out.flush();
        return this;
    }

    @Override
    public Appendable append(CharSequence text, int start, int end) {
        return append(text.subSequence(start, end));
    }

    @Override
    public Appendable append(char c) {
        return append(String.valueOf(c));
    }
}
