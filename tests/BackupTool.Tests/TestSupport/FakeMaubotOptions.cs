namespace BackupTool.Tests.TestSupport;

/// <summary>Where a <see cref="FakeMaubot"/> keeps its state, and how it behaves.</summary>
public sealed record FakeMaubotOptions
{
    /// <summary>Holds <c>bot.db</c>, <c>plugins/</c> and <c>trash/</c>, which are made when they are missing.</summary>
    public required string Directory { get; init; }

    /// <summary>On 127.0.0.1; 0 for any that is free.</summary>
    public int Port { get; init; }

    public string UnsharedSecret { get; init; } = "a-secret-that-signs-tokens";

    /// <summary>Passwords by name.</summary>
    public IReadOnlyDictionary<string, string> Admins { get; init; } = new Dictionary<string, string> { ["admin"] = "correct horse" };

    /// <summary>What clients and instances take to start, after they were created.</summary>
    public TimeSpan StartDelay { get; init; } = TimeSpan.FromMilliseconds(60);

    /// <summary>The pause before a client asks its homeserver again that did not answer. The real one waits 10 s, then 20 s, ….</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>After so many asks without an answer it disables the client, as the real one does.</summary>
    public int Attempts { get; init; } = 9;

    /// <summary>Older than 2: without the column <c>database_engine</c>. For databases that are made.</summary>
    public int SchemaVersion { get; init; } = 2;
}
