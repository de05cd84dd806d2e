namespace BackupTool.Tests.TestSupport;

/// <summary>A wall clock that is what it is set to; timers run as ever.</summary>
internal sealed class SettableTime(DateTimeOffset now) : TimeProvider
{
    public DateTimeOffset Now { get; set; } = now;

    public override DateTimeOffset GetUtcNow() => Now.ToUniversalTime();
}
