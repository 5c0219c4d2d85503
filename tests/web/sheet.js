// The sheet of pictures as the page has decoded it: its bytes (red, green, blue, alpha) in base64, and its width.
async () => {
  const sheet = document.getElementById("sheet");
  await sheet.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [sheet.naturalWidth, sheet.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(sheet, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  let text = "";
  for (let i = 0; i < data.length; i += 32768) text += String.fromCharCode(...data.subarray(i, i + 32768));
  return [btoa(text), canvas.width];
};
