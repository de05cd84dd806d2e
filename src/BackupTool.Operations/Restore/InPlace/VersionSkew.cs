using System.Globalization;

namespace BackupTool.Operations.Restore.InPlace;

/// <summary>
/// Whether the installed program fits the database that is restored. What the program has made of the live database tells how new it is; the same program as the snapshot's fits in
/// any case.
/// </summary>
internal static class VersionSkew
{
    private static readonly HashSet<string> Interpreters = ["python", "pypy", "node", "java", "perl", "ruby", "php", "dotnet", "sh", "bash", "dash", "env"];

    /// <summary>What is to be said of one database.</summary>
    /// <param name="IsNewer">The restored one is newer than the program.</param>
    /// <param name="Message">As a sentence.</param>
    internal sealed record Finding(bool IsNewer, string Message);

    /// <summary>Compares.</summary>
    /// <param name="database">For the message.</param>
    /// <param name="stored">Tables and versions in the snapshot, <c>version</c> → <c>13 (compatible with 10)</c>; empty when it does not say.</param>
    /// <param name="live">The same of the live database; empty when it cannot be read.</param>
    /// <param name="storedProgram">The program when the snapshot was made; null when it does not say.</param>
    /// <param name="program">The program now; null when it is not known.</param>
    internal static Finding? Compare(string database, IReadOnlyDictionary<string, string> stored, IReadOnlyDictionary<string, string> live, string? storedProgram, string? program)
    {
        if (program is not null && program == storedProgram && !IsInterpreter(program)) return null;
        string then = storedProgram is null ? "the snapshot does not say which program it is from" : $"the snapshot is from {storedProgram}";
        foreach ((string table, string version) in stored)
        {
            if (!live.TryGetValue(table, out string? now) || now == version || Number(version) is not { } before || Number(now) is not { } present) continue;
            if (before > present) return new Finding(true, $"{database} in the snapshot has schema version {version} (table {table}), and the installed program keeps {now}: the program is too old for this snapshot; {then}");
            return new Finding(false, $"{database} in the snapshot has schema version {version} (table {table}), and the live one {now}: the installed program will upgrade it when it starts; {then}");
        }
        return storedProgram is not null && program is not null && program != storedProgram ? new Finding(false, $"the program has changed since: {then}, and {program} is installed") : null;
    }

    /// <summary>Whether a program, as a fact names it, is one that runs others: that it is the same says nothing of those.</summary>
    private static bool IsInterpreter(string program)
    {
        string path = program.Split(" (", 2)[0];
        return Interpreters.Contains(path[(path.LastIndexOf('/') + 1)..].TrimEnd([.. "0123456789."]));
    }

    private static long? Number(string version)
    {
        string digits = new([.. version.TakeWhile(char.IsAsciiDigit)]);
        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null;
    }
}
