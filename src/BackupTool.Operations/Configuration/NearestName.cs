namespace BackupTool.Operations.Configuration;

/// <summary>Finds what an operator may have meant.</summary>
internal static class NearestName
{
    /// <summary>The known name nearest to a written one, if no more than a third of it is wrong; null otherwise.</summary>
    internal static string? Find(string written, IEnumerable<string> known) => known
        .Select(name => (Name: name, Distance: Distance(written.ToLowerInvariant(), name)))
        .Where(candidate => candidate.Distance <= Math.Max(1, Math.Max(written.Length, candidate.Name.Length) / 3))
        .OrderBy(static candidate => candidate.Distance).ThenBy(static candidate => candidate.Name, StringComparer.Ordinal)
        .Select(static candidate => candidate.Name).FirstOrDefault();

    /// <summary>"Did you mean `x`?", or what is known when nothing is near.</summary>
    internal static string Hint(string written, IReadOnlyCollection<string> known, string ofWhat) =>
        Find(written, known) is { } name ? $"Did you mean `{name}`?"
        : known.Count == 0 ? $"There are no {ofWhat}." : $"The {ofWhat} are: {string.Join(", ", known.Select(static name => $"`{name}`"))}.";

    /// <summary>Insertions, removals, replacements and exchanges of neighbours that turn one word into the other (optimal string alignment).</summary>
    private static int Distance(string a, string b)
    {
        int[] beforeLast = new int[b.Length + 1], last = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            var row = new int[b.Length + 1];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                row[j] = Math.Min(Math.Min(last[j], row[j - 1]) + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = Math.Min(row[j], beforeLast[j - 2] + 1);
            }
            (beforeLast, last) = (last, row);
        }
        return last[b.Length];
    }
}
