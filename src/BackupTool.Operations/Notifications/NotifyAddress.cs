namespace BackupTool.Operations.Notifications;

/// <summary>An address that is in the configuration, or a secret.</summary>
public sealed record NotifyAddress
{
    private const string Placeholder = "{schedule}";

    /// <summary>As it stands in the configuration; null when it is a secret. Without user info.</summary>
    public string? Plain { get; init; }

    /// <summary>Where it is kept when it is a secret.</summary>
    public SecretSource? Secret { get; init; }

    /// <summary>The address without what may be secret in it: the query of a plain one is shown as stars, of a secret one nothing.</summary>
    public string Shown => Plain is null ? "***" : Plain.Contains('?', StringComparison.Ordinal) ? Plain[..Plain.IndexOf('?', StringComparison.Ordinal)] + "?***" : Plain;

    /// <inheritdoc/>
    public override string ToString() => Shown;

    /// <summary>Reads it, and puts the schedule's name where it belongs; null when it wants one and there is none.</summary>
    /// <exception cref="NotifyException">It cannot be read, or is no address.</exception>
    internal Uri? Resolve(string? schedule = null)
    {
        string text = Plain ?? Secret!.Read().Reveal();
        bool wantsSchedule = text.Contains(Placeholder, StringComparison.Ordinal);
        if (wantsSchedule && schedule is null) return null;
        if (wantsSchedule) text = text.Replace(Placeholder, Uri.EscapeDataString(schedule!), StringComparison.Ordinal);
        return TryParse(text) ?? throw new NotifyException($"what is in {Secret?.Path} of `{Secret?.Key}` is no whole http or https URL", "It holds the whole address, alone, from `https://` on.");
    }

    /// <summary>Reads a whole http or https address without a fragment; null when it is none.</summary>
    internal static Uri? TryParse(string text) =>
        Uri.TryCreate(text.Replace(Placeholder, "schedule", StringComparison.Ordinal), UriKind.Absolute, out Uri? url)
            && url is { Scheme: "http" or "https", Host.Length: > 0, Fragment.Length: 0 } ? url : null;

    /// <summary>Whether what is sent there can be read on its way.</summary>
    internal static bool IsOpenOnTheWay(Uri url) => url.Scheme == "http" && !url.IsLoopback;
}
