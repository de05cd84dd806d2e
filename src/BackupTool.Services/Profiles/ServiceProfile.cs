namespace BackupTool.Services.Profiles;

/// <summary>Knows one kind of service: where it keeps its state and what of that to leave out.</summary>
public abstract class ServiceProfile
{
    /// <summary>The kind's name in a configuration.</summary>
    public abstract string Kind { get; }

    /// <summary>Further names of this kind: members of one family that keep their state alike.</summary>
    public virtual IReadOnlyList<string> Aliases => [];

    /// <summary>Reads the service's own configuration and looks at its data. Changes nothing.</summary>
    /// <param name="facts">What the operator has said.</param>
    /// <param name="note">Told, in a sentence, what was assumed or found to disagree.</param>
    /// <exception cref="ServiceLayoutException">Its state cannot be told whole: a backup would be incomplete.</exception>
    /// <exception cref="BackupTool.Posix.PosixException">Something is there and cannot be read.</exception>
    public abstract ServiceLayout Describe(ServiceFacts facts, Action<string> note);
}

/// <summary>Every profile of this version.</summary>
public static class ServiceProfiles
{
    /// <summary>The profiles, one per kind.</summary>
    public static IReadOnlyList<ServiceProfile> All { get; } = [new FilesProfile(), new MaubotProfile(), new ContinuwuityProfile(), new MautrixProfile(), new SynapseProfile(), new ForgejoProfile(), new PostgresProfile()];

    /// <summary>Every name that <see cref="For"/> knows: kinds and their aliases.</summary>
    public static IReadOnlyList<string> Kinds { get; } = [.. All.SelectMany(static profile => profile.Aliases.Prepend(profile.Kind))];

    /// <summary>The profile for a kind or an alias of one; null when this version has none.</summary>
    public static ServiceProfile? For(string kind) =>
        All.FirstOrDefault(profile => profile.Kind == kind || profile.Aliases.Contains(kind));
}
