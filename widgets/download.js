// A file for the person: bytes of the kernel, or made here, offered by the browser as a download.

export function saveFile(name, parts, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(parts, { type }));
  link.download = name;
  link.hidden = true;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);  // some browsers read it late
}

// A page written by a stranger's kernel must not be shown as one of this server: it is saved, never opened.
export const saveDownload = ({ name, mime }, buffer) => saveFile(name, [buffer], mime);
