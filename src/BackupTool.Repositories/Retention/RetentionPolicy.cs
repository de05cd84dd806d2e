namespace BackupTool.Repositories.Retention;

/// <summary>
/// How many snapshots are kept: what <c>keep = { … }</c> says. Counts are of the newest of each hour, day, ISO week, month and year; zero means that this rule keeps none. A policy in which
/// every rule is zero is invalid: it never means "remove all".
/// </summary>
public sealed record RetentionPolicy
{
    /// <summary>The newest so many.</summary>
    public int Last { get; init; }

    /// <summary>The newest of each of so many hours that have one.</summary>
    public int Hourly { get; init; }

    /// <summary>The newest of each of so many days that have one.</summary>
    public int Daily { get; init; }

    /// <summary>The newest of each of so many ISO weeks (Monday to Sunday) that have one.</summary>
    public int Weekly { get; init; }

    /// <summary>The newest of each of so many months that have one.</summary>
    public int Monthly { get; init; }

    /// <summary>The newest of each of so many years that have one.</summary>
    public int Yearly { get; init; }

    /// <summary>All that are not older than this; null: no such rule.</summary>
    public TimeSpan? Within { get; init; }
}
