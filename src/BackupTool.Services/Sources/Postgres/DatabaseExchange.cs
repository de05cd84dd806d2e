namespace BackupTool.Services.Sources.Postgres;

/// <summary>Decides which renames take a database to a side, whatever state a killed run left.</summary>
internal static class DatabaseExchange
{
    /// <summary>In order, to be done in one transaction; none when it is there already.</summary>
    /// <param name="names">The three names.</param>
    /// <param name="state">Which of them there are.</param>
    /// <param name="to">Where to.</param>
    /// <param name="hadLive">Whether there was a live database before the replacement.</param>
    /// <exception cref="SourceException">What is there cannot come from this replacement.</exception>
    internal static IReadOnlyList<(string From, string To)> Plan(DatabaseNames names, DatabaseState state, DatabaseSide to, bool hadLive)
    {
        bool live = state.Live is not null, fresh = state.Fresh is not null, previous = state.Previous is not null;
        (string From, string To)[]? renames = (to, hadLive, live, fresh, previous) switch
        {
            (DatabaseSide.Fresh, true, true, true, false) => [(names.Live, names.Previous), (names.Fresh, names.Live)],
            (DatabaseSide.Fresh, true, false, true, true) => [(names.Fresh, names.Live)],
            (DatabaseSide.Fresh, true, true, false, true) => [],
            (DatabaseSide.Fresh, false, false, true, false) => [(names.Fresh, names.Live)],
            (DatabaseSide.Fresh, false, true, false, false) => [],

            (DatabaseSide.Previous, true, true, false, true) => [(names.Live, names.Fresh), (names.Previous, names.Live)],
            (DatabaseSide.Previous, true, false, _, true) => [(names.Previous, names.Live)],
            (DatabaseSide.Previous, true, true, _, false) => [],
            (DatabaseSide.Previous, false, true, false, false) => [(names.Live, names.Fresh)],
            (DatabaseSide.Previous, false, false, _, false) => [],
            _ => null,
        };
        if (renames is null) throw Contradiction(names, state, to);
        foreach ((DatabaseFound? found, string name) in new[] { (state.Live, names.Live), (state.Fresh, names.Fresh), (state.Previous, names.Previous) })
            if (found is { IsHalfDropped: true } && renames.Any(rename => rename.From == name && rename.To == names.Live))
                throw new SourceException($"database {name} cannot come back as {names.Live}: somebody began to drop it", $"Drop it (dropdb {Quoted(name)}) and restore it from a snapshot.");
        return renames;
    }

    private static SourceException Contradiction(DatabaseNames names, DatabaseState state, DatabaseSide to) => new(
        $"database {names.Live} cannot be exchanged for {(to == DatabaseSide.Fresh ? "the restored one" : "the previous one")}: {state.Describe(names)}",
        $"See with 'psql -l' which of them is which; rename the right one to {names.Live} by hand (ALTER DATABASE … RENAME TO …) or restore it from a snapshot.");

    private static string Quoted(string name) => $"'{name.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
