using BackupTool.Posix;

namespace BackupTool.Services.Profiles;

/// <summary>Turns a path as a service's configuration writes it into an absolute one.</summary>
internal static class ConfiguredPath
{
    /// <summary>
    /// Resolves <paramref name="text"/> against <paramref name="workingDirectory"/>; <c>.</c> and doubled slashes go, links stay.
    /// Null when it is empty, holds a NUL, or has a <c>..</c>, whose meaning depends on links.
    /// </summary>
    internal static BytePath? TryResolve(BytePath workingDirectory, string text)
    {
        if (text.Length == 0 || text.Contains('\0', StringComparison.Ordinal)) return null;
        var whole = text[0] == '/' ? BytePath.From(text) : workingDirectory.Combine(text);
        var resolved = BytePath.From("/");
        ReadOnlySpan<byte> rest = whole.Bytes;
        foreach (Range range in rest.Split((byte)'/'))
        {
            ReadOnlySpan<byte> component = rest[range];
            if (component.SequenceEqual(".."u8)) return null;
            if (!component.IsEmpty && !component.SequenceEqual("."u8)) resolved = resolved.Combine(component);
        }
        return resolved;
    }

    /// <summary>As <see cref="TryResolve"/>.</summary>
    /// <exception cref="ServiceLayoutException">It cannot be resolved.</exception>
    internal static BytePath Resolve(BytePath workingDirectory, string text, string key, BytePath file) =>
        TryResolve(workingDirectory, text) ?? throw new ServiceLayoutException(
            $"The path that `{key}` gives in {file} cannot be used: it is empty or has a `..` component.", "Write it as an absolute path without `..`.");
}
