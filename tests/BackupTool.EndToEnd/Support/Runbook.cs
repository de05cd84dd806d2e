using System.Globalization;
using System.Text.RegularExpressions;

namespace BackupTool.EndToEnd.Support;

/// <summary>Commands that the runbook has an operator copy, and what it says that comes of them.</summary>
/// <param name="Line">Where it stands.</param>
/// <param name="Situation">Which its marker names.</param>
/// <param name="Commands">Of the block; for expected output that has a marker of its own, the last command of the block before.</param>
/// <param name="ExitCodes">One for each command.</param>
/// <param name="Expected">Lines of output, <c>…</c> for what differs.</param>
internal sealed record RunbookStep(int Line, string Situation, IReadOnlyList<string> Commands, IReadOnlyList<int> ExitCodes, IReadOnlyList<string> Expected)
{
    /// <summary>What is expected and was not said.</summary>
    internal IEnumerable<string> FindMissing(string output)
    {
        string[] said = [.. output.Split('\n').Select(Squeeze)];
        return Expected.Where(line => !said.Any(each => Regex.IsMatch(each, Pattern(line))));
    }

    private static string Pattern(string line) => string.Join(".*", Squeeze(line).Split('…').Select(static part => Regex.Escape(part.Trim())));

    private static string Squeeze(string line) => Regex.Replace(line, @"\s+", " ").Trim();
}

/// <summary>
/// restore-drills/RUNBOOK.md as a test reads it. A block of commands (<c>sh</c>) has before it a marker with the situation in which they are run, and after it may have what they print
/// (<c>text</c>). Such a block with a marker of its own tells what the last command prints in another situation.
/// </summary>
internal sealed partial class Runbook
{
    private readonly List<RunbookStep> _steps = [];

    private Runbook(string text) => Text = text;

    internal string Text { get; }

    internal IReadOnlyList<RunbookStep> Steps => _steps;

    /// <summary>Code in sentences that is a command of the tool.</summary>
    internal IEnumerable<string> MentionedCommands => InlineCommand().Matches(Text).Select(static match => match.Groups[1].Value);

    internal static Runbook Parse(string text)
    {
        var runbook = new Runbook(text);
        string[] lines = text.Split('\n');
        Match? marker = null;
        for (int i = 0; i < lines.Length; i++)
        {
            if (Marker().Match(lines[i]) is { Success: true } found) marker = found;
            if (!lines[i].StartsWith("```", StringComparison.Ordinal)) continue;
            int begin = i;
            while (lines[++i] != "```") { }
            runbook.Add(begin, lines[begin], lines[(begin + 1)..i], marker);
            marker = null;
        }
        return runbook;
    }

    private void Add(int at, string fence, string[] block, Match? marker)
    {
        if (fence == "```sh" && marker is not null)
        {
            string[] commands = [.. block.Where(static line => line.Length > 0 && line[0] != '#')];
            _steps.Add(new RunbookStep(at + 1, marker.Groups[1].Value, commands, CodesOf(marker, commands.Length), []));
        }
        else if (fence == "```text" && marker is not null)
        {
            _steps.Add(new RunbookStep(at + 1, marker.Groups[1].Value, [_steps[^1].Commands[^1]], CodesOf(marker, 1), Words(block)));
        }
        else if (fence == "```text" && _steps is [.., { Expected.Count: 0 } last])
        {
            _steps[^1] = last with { Expected = Words(block) };
        }
        else
        {
            throw new FormatException($"RUNBOOK.md, line {at + 1}: {fence} stands there for no test");
        }
    }

    private static string[] Words(string[] block) => [.. block.Where(static line => line.Trim(' ', '…').Length > 0)];

    /// <summary>Those of the last commands are named, the others' are 0.</summary>
    private static int[] CodesOf(Match marker, int commands)
    {
        int[] named = [.. marker.Groups[2].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(static code => int.Parse(code, CultureInfo.InvariantCulture))];
        return [.. Enumerable.Repeat(0, commands - named.Length), .. named];
    }

    [GeneratedRegex(@"^<!-- test: ([a-z-]+)(?:; exits ([\d ]+))? -->$")]
    private static partial Regex Marker();

    [GeneratedRegex(@"`(backup [^`]+)`")]
    private static partial Regex InlineCommand();
}
