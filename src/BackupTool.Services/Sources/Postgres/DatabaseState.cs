namespace BackupTool.Services.Sources.Postgres;

/// <summary>Which of the names of a replacement there are; null where there is no such database.</summary>
/// <param name="Live">Under the live name.</param>
/// <param name="Fresh">Under the name of what comes in its place.</param>
/// <param name="Previous">Under the name of what was there before.</param>
public sealed record DatabaseState(DatabaseFound? Live, DatabaseFound? Fresh, DatabaseFound? Previous)
{
    /// <summary>For messages: those that there are.</summary>
    internal string Describe(DatabaseNames names)
    {
        string[] there = [.. new[] { (names.Live, Live), (names.Fresh, Fresh), (names.Previous, Previous) }.Where(static each => each.Item2 is not null).Select(static each => each.Item1)];
        return there.Length == 0 ? $"none of {names.Live}, {names.Fresh} and {names.Previous} is there" : $"of {names.Live}, {names.Fresh} and {names.Previous} there {(there.Length == 1 ? "is" : "are")} {string.Join(", ", there)}";
    }
}

/// <summary>A database that is there.</summary>
/// <param name="Bytes">On the server's disk; null when the role may not know.</param>
/// <param name="Owner">The role that owns it.</param>
/// <param name="Sessions">How many are in it now.</param>
/// <param name="IsHalfDropped">Somebody dropped it and was killed: it can only be dropped again.</param>
public sealed record DatabaseFound(long? Bytes, string Owner, int Sessions, bool IsHalfDropped);
