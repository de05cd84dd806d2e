namespace BackupTool.Operations.Sanity;

/// <summary><c>[sanity]</c>, or what a service says in its place: when what was stored of it is dubious though nothing failed.</summary>
public sealed record SanitySettings
{
    /// <summary>Whether it is looked at all; <c>sanity = false</c> of a service.</summary>
    public bool IsOn { get; init; } = true;

    /// <summary>A service, or a database of it, that has lost more than so many percent of its usual size is suspiciously small; null: only one that has lost everything.</summary>
    public int? ShrinkPercent { get; init; } = 50;

    /// <summary>A service that runs and in which nothing has changed for longer is warned of; null: never.</summary>
    public TimeSpan? UnchangedAfter { get; init; } = TimeSpan.FromDays(14);
}
