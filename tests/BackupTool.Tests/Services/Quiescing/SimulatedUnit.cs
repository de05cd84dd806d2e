namespace BackupTool.Tests.Services.Quiescing;

/// <summary>A unit of <see cref="SimulatedSystemd"/>: how it behaves, and how it is.</summary>
internal sealed class SimulatedUnit(string name)
{
    internal string Name { get; } = name;
    internal List<string> Requires { get; init; } = [];   // started with it; it stops when they do
    internal List<string> Wants { get; init; } = [];      // started with it
    internal List<string> Triggers { get; init; } = [];
    internal List<string> Upholds { get; init; } = [];
    internal List<string> After { get; init; } = [];
    internal TimeSpan StartTakes { get; set; } = TimeSpan.FromMilliseconds(200);
    internal TimeSpan StopTakes { get; init; } = TimeSpan.FromMilliseconds(300);
    internal TimeSpan HealthyAfter { get; init; } = TimeSpan.FromMilliseconds(700);   // from the end of its start
    internal string ResultOfStop { get; init; } = "success";
    internal bool CanFreeze { get; init; } = true;
    internal bool FreezeFails { get; init; }
    internal bool RefusesStart { get; init; }
    internal bool RefusesStop { get; init; }
    internal bool IsTransient { get; init; }
    internal string LoadState { get; init; } = "loaded";

    /// <summary>How many starts from now on fail: the process ends with an error.</summary>
    internal int FailingStarts { get; set; }

    /// <summary>It has failed so often that systemd refuses to start it, until that is reset (StartLimitBurst=).</summary>
    internal bool IsAtStartLimit { get; set; }

    /// <summary>systemd calls its start a success (Type=simple), and then it fails.</summary>
    internal bool DiesAfterStart { get; set; }

    /// <summary>It starts, and never answers.</summary>
    internal bool NeverHealthy { get; set; }

    /// <summary>Its start needs that nobody reads its database.</summary>
    internal bool WantsItsDatabaseAlone { get; init; }

    /// <summary>A connection, a change or an elapsed time waits at this trigger.</summary>
    internal bool IsPulled { get; set; }

    internal string Active { get; set; } = "active";
    internal string Result { get; set; } = "success";
    internal bool IsFrozen { get; set; }
    internal int Invocation { get; set; } = 1;
    internal TimeSpan StartedAt { get; set; } = TimeSpan.MinValue;

    internal bool IsActive => Active == "active";
}
