using System.Text;

namespace BackupTool.Operations.Installation;

/// <summary>What changes between two small texts, as <c>diff -u</c> shows it.</summary>
public static class UnifiedDiff
{
    private const int Context = 3;

    /// <summary>The difference with its two headings; empty when there is none.</summary>
    /// <param name="path">The file's name.</param>
    /// <param name="before">Null when it was not there.</param>
    /// <param name="after">Null when it is to be no more.</param>
    public static string Of(string path, string? before, string? after)
    {
        if (before == after) return "";
        List<(char Sign, string Line)> steps = Steps(Lines(before), Lines(after));
        var text = new StringBuilder().Append("--- ").AppendLine(before is null ? "/dev/null" : path).Append("+++ ").AppendLine(after is null ? "/dev/null" : path);
        int old = 1, young = 1;
        for (int i = 0; i < steps.Count;)
        {
            if (steps[i].Sign == ' ' && !IsNear(steps, i))
            {
                (old, young, i) = (old + 1, young + 1, i + 1);
                continue;
            }
            int end = i;
            while (end < steps.Count && (steps[end].Sign != ' ' || IsNear(steps, end))) end++;
            List<(char Sign, string Line)> hunk = steps[i..end];
            int removed = hunk.Count(static step => step.Sign != '+'), added = hunk.Count(static step => step.Sign != '-');
            text.AppendLine($"@@ -{Range(old, removed)} +{Range(young, added)} @@");
            foreach ((char sign, string line) in hunk) text.Append(sign).AppendLine(line);
            (old, young, i) = (old + removed, young + added, end);
        }
        return text.ToString();
    }

    private static string Range(int begin, int count) => $"{(count == 0 ? begin - 1 : begin)}{(count == 1 ? "" : $",{count}")}";

    private static bool IsNear(List<(char Sign, string Line)> steps, int index)
    {
        for (int i = Math.Max(0, index - Context); i <= Math.Min(steps.Count - 1, index + Context); i++)
            if (steps[i].Sign != ' ') return true;
        return false;
    }

    private static string[] Lines(string? text) => string.IsNullOrEmpty(text) ? [] : text.TrimEnd('\n').Split('\n');

    /// <summary>By the longest common subsequence: its table is quadratic, and unit files are short.</summary>
    private static List<(char Sign, string Line)> Steps(string[] before, string[] after)
    {
        int[,] common = new int[before.Length + 1, after.Length + 1];
        for (int i = before.Length - 1; i >= 0; i--)
            for (int j = after.Length - 1; j >= 0; j--)
                common[i, j] = before[i] == after[j] ? common[i + 1, j + 1] + 1 : Math.Max(common[i + 1, j], common[i, j + 1]);
        var steps = new List<(char Sign, string Line)>();
        for (int i = 0, j = 0; i < before.Length || j < after.Length;)
        {
            if (i < before.Length && j < after.Length && before[i] == after[j])
            {
                steps.Add((' ', before[i++]));
                j++;
            }
            else if (j >= after.Length || (i < before.Length && common[i + 1, j] >= common[i, j + 1])) steps.Add(('-', before[i++]));
            else steps.Add(('+', after[j++]));
        }
        return steps;
    }
}
