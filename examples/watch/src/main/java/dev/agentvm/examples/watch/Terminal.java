package dev.agentvm.examples.watch;

import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** The terminal that the program runs in: a screen that is drawn over and over, and given back as it was. */
final class Terminal implements AutoCloseable {
    private static final String ESCAPE = "\u001b[";
    private static final Size STANDARD = new Size(80, 24);

    private final PrintStream out;

    /** How much fits, in columns and lines. */
    record Size(int width, int height) {}

    private Terminal(PrintStream out) {
        this.out = out;
    }

    /** Takes the screen: what was on it comes back when this is closed. */
    static Terminal open(PrintStream out) {
        Terminal terminal = new Terminal(out);
        terminal.write(ESCAPE + "?1049h" + ESCAPE + "?25l");
        return terminal;
    }

    /** Each line is written over the one that was there, all in one go, so that nothing flickers. */
    void draw(List<Line> lines) {
        write(frame(lines));
    }

    /** What is written for those lines. */
    static String frame(List<Line> lines) {
        StringBuilder frame = new StringBuilder(ESCAPE + "H");
        for (int i = 0; i < lines.size(); i++) {
            Line line = lines.get(i);
            frame.append(i == 0 ? "" : "\r\n")
                    .append(ESCAPE)
                    .append(line.tone().code())
                    .append('m')
                    .append(line.text())
                    .append(ESCAPE + "0m")
                    .append(ESCAPE + "K");
        }
        return frame.append(ESCAPE + "J").toString();
    }

    private void write(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.write(bytes, 0, bytes.length);
        out.flush();
    }

    /** How much fits now; 80 columns of 24 lines where that cannot be found out. */
    static Size size() {
        try {
            Process stty = new ProcessBuilder("stty", "size")
                    .redirectInput(new File("/dev/tty"))
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            String answer = new String(stty.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
            return stty.waitFor(1, TimeUnit.SECONDS) ? parse(answer).orElse(STANDARD) : STANDARD;
        } catch (IOException e) {
            return STANDARD;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return STANDARD;
        }
    }

    /** Reads lines and columns, as {@code stty size} prints them. */
    static Optional<Size> parse(String answer) {
        String[] numbers = answer.strip().split(" ");
        if (numbers.length != 2 || !numbers[0].matches("[1-9][0-9]{0,3}") || !numbers[1].matches("[1-9][0-9]{0,3}")) {
            return Optional.empty();
        }
        return Optional.of(new Size(Integer.parseInt(numbers[1]), Integer.parseInt(numbers[0])));
    }

    @Override
    public void close() {
        write(ESCAPE + "0m" + ESCAPE + "?25h" + ESCAPE + "?1049l");
    }
}
