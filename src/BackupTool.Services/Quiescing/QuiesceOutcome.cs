using BackupTool.Services.Systemd;

namespace BackupTool.Services.Quiescing;

/// <summary>What became of a window and of everything that was stopped for it.</summary>
public sealed record QuiesceOutcome
{
    /// <summary>From the end of the last stop or freeze to the beginning of the resume: the window's own share of the downtime. Null when it was never reached.</summary>
    public required TimeSpan? Window { get; init; }

    /// <summary>Each service, in the order of the plan.</summary>
    public required IReadOnlyList<ServiceOutcome> Services { get; init; }

    /// <summary>Each unit that was touched, in the order of starting.</summary>
    public required IReadOnlyList<UnitOutcome> Units { get; init; }

    /// <summary>What else should be known.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>Everything that was touched is back, and every service healthy that was so before or was to be started in any case.</summary>
    public bool IsWell => Units.All(static unit => unit.IsBack) && Services.All(static service => service.IsHealthy != false || !service.MustBeHealthy);
}

/// <summary>What became of a service.</summary>
public sealed record ServiceOutcome
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Its unit.</summary>
    public required string? Unit { get; init; }

    /// <summary>What was done to it.</summary>
    public required QuiesceMode Mode { get; init; }

    /// <summary>What its cut is.</summary>
    public required CopyKind CopyKind { get; init; }

    /// <summary>Why the cut is not clean; null when there is nothing to say.</summary>
    public string? CopyReason { get; init; }

    /// <summary>From the beginning of its stop or freeze until it was healthy, or was given up. Null when it was not touched, or not started again.</summary>
    public TimeSpan? Downtime { get; init; }

    /// <summary>Whether it was healthy before.</summary>
    public required bool WasHealthy { get; init; }

    /// <summary>It was healthy before, or was to be brought back in any case (<see cref="QuiesceTarget.StartsInAnyCase"/>).</summary>
    public required bool MustBeHealthy { get; init; }

    /// <summary>Whether it is healthy now; null when it was not asked, because nothing was done to it and nothing waited for it.</summary>
    public bool? IsHealthy { get; init; }

    /// <summary>What it answered last, or why it was not started.</summary>
    public string? HealthReason { get; init; }

    /// <summary>It was not started, and a recovery will do it when it can.</summary>
    public bool IsOwed { get; init; }

    /// <summary>The last lines of its unit's journal; of a service that is not healthy only.</summary>
    public IReadOnlyList<JournalLine> JournalLines { get; init; } = [];

    /// <summary>What else should be known.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}

/// <summary>What became of a unit that was stopped or frozen.</summary>
public sealed record UnitOutcome
{
    /// <summary>Its primary name.</summary>
    public required string Unit { get; init; }

    /// <summary>The services that live in it.</summary>
    public required IReadOnlyList<string> Services { get; init; }

    /// <summary>It runs again.</summary>
    public required bool IsBack { get; init; }

    /// <summary>It is still to be started, by a recovery. One that was started and then failed is not: what becomes of it is systemd's and the operator's again.</summary>
    public required bool IsOwed { get; init; }

    /// <summary>Why it is not back, or not healthy; null when all is well.</summary>
    public string? Problem { get; init; }

    /// <summary>Its last journal lines; of one that failed only.</summary>
    public IReadOnlyList<JournalLine> JournalLines { get; init; } = [];

    /// <summary>What else should be known.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}

/// <summary>The services could not be brought to rest. Whatever had been stopped was resumed before this was thrown.</summary>
public sealed class QuiesceException(string message, string? hint, Exception? innerException = null) : ExplainedException(message, hint, innerException)
{
    /// <summary>What became of the services; null when none was touched.</summary>
    public QuiesceOutcome? Outcome { get; init; }
}

/// <summary>The caller gave up half-way. Whatever had been stopped was resumed before this was thrown.</summary>
public sealed class QuiesceCancelledException(QuiesceOutcome outcome, CancellationToken cancellationToken)
    : OperationCanceledException("The services were being brought to rest when this was cancelled.", cancellationToken)
{
    /// <summary>What became of the services.</summary>
    public QuiesceOutcome Outcome { get; } = outcome;
}
